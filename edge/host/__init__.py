"""What this machine is, has and lacks, and how it is: read, never changed."""
