"""What tests are made of: models, fakes and conformance checks; for plug-in authors too."""
