"""What runs on the device: NumPy, OpenCV, Pillow, click and one TFLite runtime.

Never TensorFlow, and nothing else of the project.
"""
