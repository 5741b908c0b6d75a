"""Local web servers (extra ``web``): plain handlers, put together with Starlette and served by uvicorn."""
