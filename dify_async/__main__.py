"""`python -m dify_async` is the command `dify-async`."""

from dify_async.cli import main

if __name__ == "__main__":
    main()
