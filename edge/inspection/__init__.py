"""What a .tflite is made of, which accelerators take it, and what it costs."""
