# The worker image: runtime dependencies as locked with hashes, no compiler, no development tools, no root.
# On arm64 Faust has no wheel and is built here without its C parts: it works, slower.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN pip install --require-hashes --no-deps -r requirements/build.txt \
    && python -m venv --without-pip /opt/zelo \
    && pip --python /opt/zelo/bin/python install --require-hashes --no-deps -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY agents agents
COPY schemas schemas
COPY streams streams
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/dist . \
    && pip --python /opt/zelo/bin/python install --no-deps /tmp/dist/zelo-*.whl

FROM python:3.12-slim
RUN groupadd --gid 10001 zelo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/zelo --shell /usr/sbin/nologin zelo \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/zelo
COPY --from=build /opt/zelo /opt/zelo
# Inside the container the health and metrics page listens on all addresses; docker-compose.yml publishes it on loopback.
ENV PATH=/opt/zelo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ZELO_DATA_DIR=/var/lib/zelo \
    ZELO_HTTP_HOST=0.0.0.0 \
    ZELO_HTTP_PORT=8080
USER 10001:10001
WORKDIR /var/lib/zelo
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/livez', timeout=4)"]
ENTRYPOINT ["zelo"]
CMD ["worker", "--role", "stream"]
