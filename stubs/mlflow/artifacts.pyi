def download_artifacts(
    artifact_uri: str | None = None,
    *,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
) -> str: ...
