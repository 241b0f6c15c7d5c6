"""Images, boxes and the one preprocessing from a face crop to a model's input tensor."""
