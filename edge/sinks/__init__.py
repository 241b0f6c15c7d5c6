"""Where results go: lines, a window, a video, a web page, MQTT. Any number at once, and none stalls the loop."""
