# The ML environment: what a node runs in, and TensorBoard. Build from the repository's root:
#   docker build -f docker/Dockerfile.ml -t upcycle-ml .
#   docker build -f docker/Dockerfile.ml -t upcycle-ml:cuda --build-arg LOCK=requirements-cuda.lock .
# requirements-dev.lock instead also holds the demo's model and photographs. docs/containers.md has the rest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG BUILD_IMAGE=python:3.11-bookworm
ARG UV_IMAGE=astral/uv:0.9.0

FROM ${UV_IMAGE} AS uv

# The same Python with a compiler, for the few packages that there are no wheels of.
FROM ${BUILD_IMAGE} AS environment
ENV UV_CACHE_DIR=/var/cache/uv \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
COPY --from=uv /uv /usr/local/bin/uv
RUN uv venv --python /usr/local/bin/python3.11 /opt/upcycle-ml
ARG LOCK=requirements.lock
COPY ${LOCK} /tmp/requirements.lock
# What builds from source builds with the locked setuptools. The lock has pip for TFX's user modules, of which
# Upcycle has none.
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip sync --python /opt/upcycle-ml/bin/python --require-hashes --compile-bytecode \
       --build-constraints /tmp/requirements.lock /tmp/requirements.lock \
    && uv pip uninstall --python /opt/upcycle-ml/bin/python pip
# The one module of third_party/tfx_bsl_sql_util; a file copied needs no build backend.
COPY third_party/tfx_bsl_sql_util/src/tfx_bsl/arrow/sql_util.py \
     /opt/upcycle-ml/lib/python3.11/site-packages/tfx_bsl/arrow/sql_util.py

FROM ${PYTHON_IMAGE} AS application
WORKDIR /app
COPY detection detection
COPY components components
COPY pipelines pipelines
RUN python -m compileall -q .

FROM ${PYTHON_IMAGE} AS ml
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Upcycle ML" \
      org.opencontainers.image.description="The nodes of Upcycle's retraining pipeline: TensorFlow, TFX, ML Metadata" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The base image's pip goes: nothing in here can install anything.
RUN rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/lib/python3.11/ensurepip /usr/local/bin/pip* \
    && useradd --uid 1000 --create-home --no-log-init upcycle \
    && install -d -o upcycle -g upcycle /upcycle/runs
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/upcycle-entrypoint
COPY --chmod=755 docker/health.py /usr/local/bin/upcycle-health
COPY --from=environment /opt/upcycle-ml /opt/upcycle-ml
COPY --from=application /app /app
ENV PATH=/opt/upcycle-ml/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    UPCYCLE_HOME=/upcycle/runs
WORKDIR /app
USER 1000:1000
# A node ends by itself, and its exit code says how it went; compose.yaml has the check of TensorBoard.
HEALTHCHECK NONE
ENTRYPOINT ["upcycle-entrypoint"]
CMD ["python", "-m", "pipelines.run_node", "--help"]
