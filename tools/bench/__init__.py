"""What the bridge costs and how well it sounds under load: `make bench`, or `python -m tools.bench --help`."""
