"""The people's door: health and pages. Reads; never decides."""
