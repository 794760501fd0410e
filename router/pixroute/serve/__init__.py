"""The gateway: pictures over HTTP for any client; it decides nothing about routing."""
