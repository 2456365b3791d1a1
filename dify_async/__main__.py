"""Run the command `dify-async` as `python -m dify_async`."""

from dify_async.cli import main

if __name__ == "__main__":
    main()
