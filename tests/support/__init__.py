"""What the tests share: servers, recordings, clients and checks. Test modules import from here alone."""
