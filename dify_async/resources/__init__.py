"""What a client offers, by the nouns of Dify."""
