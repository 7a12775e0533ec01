# The control plane as an image: it drives the engine whose socket is mounted, so a job's container
# is its sibling. compose.yaml beside this file runs it; by hand:
#
#     docker build -t sagelet/sagelet .
#     docker run -d --name sagelet --network host \
#         -v /var/run/docker.sock:/var/run/docker.sock \
#         -v "$HOME/.sagelet:$HOME/.sagelet" -e SAGELET_HOME="$HOME/.sagelet" sagelet/sagelet
#
# The home has the same path inside and outside: the engine resolves what jobs mount on the host.
# The program runs as the owner of that folder, so make it before (mkdir -p ~/.sagelet), and what it
# writes is yours. The host's network: it listens on the host's loopback and on the gateway of the
# engine's bridge, where jobs reach it.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/sagelet
COPY pyproject.toml /build/
# What it needs first: that changes less often than the program.
RUN cd /build && python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\\n')" > requirements.txt && \
    /opt/sagelet/bin/pip install -q -r requirements.txt
COPY README.md LICENSE /build/
COPY containers/ /build/containers/
COPY examples/mnist/mnist_10k.npz /build/examples/mnist/
COPY runtime/ /build/runtime/
RUN /opt/sagelet/bin/pip install -q --no-deps /build

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="sagelet control plane" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/sagelet/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SAGELET_HOME=/var/lib/sagelet
COPY --from=build /opt/sagelet /opt/sagelet
COPY containers/plane/ /opt/sagelet/plane/
RUN chmod 755 /opt/sagelet/plane/* && \
    python3 -m compileall -q --invalidation-mode unchecked-hash /opt/sagelet/lib
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/opt/sagelet/plane/healthy"]
ENTRYPOINT ["/opt/sagelet/plane/as-owner", "sagelet"]
CMD ["serve"]
