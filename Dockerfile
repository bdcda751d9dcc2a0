# One image for web and worker. The GPU worker is built with --build-arg LOCK=requirements-gpu.lock.
FROM python:3.11-slim

ARG LOCK=requirements.lock
ENV PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 MIWAKE_DATA_DIR=/data
RUN useradd --create-home --uid 10001 miwake && mkdir /data && chown miwake /data
WORKDIR /miwake
COPY ${LOCK} requirements.txt
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY app app
COPY worker worker
COPY templates templates
COPY static static
COPY migrations migrations

USER miwake
VOLUME /data
EXPOSE 8124
CMD ["python", "-m", "app", "serve"]
