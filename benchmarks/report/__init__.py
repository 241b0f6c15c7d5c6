"""Tables, plots and pages, made from benchmark records."""
