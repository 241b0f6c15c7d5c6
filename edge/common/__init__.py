"""What every package uses: errors, files, console output, tables and pages."""
