"""One class per noun of Dify: `app` for the Service API, `web` for the Web API."""
