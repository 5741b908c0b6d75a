# The program for servers, without training: tags over HTTP (serve) and folders (watch). docs/containers.md
#
#   docker build -t booru-tagger .
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY booru_tagger booru_tagger
COPY export export
RUN pip install --no-cache-dir --prefix /installed '.[web,hub]'

FROM python:3.12-slim
COPY --from=build /installed /usr/local
# One folder is written to, and may be a volume: journal, gallery, pulled models, review faces.
ENV HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    XDG_CONFIG_HOME=/data/config \
    XDG_DATA_HOME=/data/data \
    XDG_STATE_HOME=/data/state \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN install -d -o 1000 -g 1000 /data /pictures
VOLUME ["/data"]
WORKDIR /pictures
USER 1000:1000
EXPOSE 5000
ENTRYPOINT ["booru-tagger"]
CMD ["--help"]
