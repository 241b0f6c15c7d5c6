"""What is measured of a model: latency, throughput, stages, loading, operator profiles and the roofline."""
