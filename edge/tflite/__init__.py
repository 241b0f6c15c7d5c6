"""What is inside a .tflite, and who takes which of its operators: nothing here runs a model."""
