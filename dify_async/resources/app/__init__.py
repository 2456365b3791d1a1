"""The resources of `AppClient`, some of which the Web API shares."""
