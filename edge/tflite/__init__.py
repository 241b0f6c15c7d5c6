"""Reading and editing of .tflite files; nothing here runs a model."""
