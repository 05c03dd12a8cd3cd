"""The desktop's gateway: the only way from a browser to the VNC server, opened by links that work once."""
