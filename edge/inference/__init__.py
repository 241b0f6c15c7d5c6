"""TFLite runtimes, delegates, subprocess isolation and the classifier."""
