# docker build -t baselines_her .
# docker run --rm -v "$PWD:/work" baselines_her train --env=FetchReach --log_path=run
FROM python:3.11-slim
RUN apt-get update && apt-get install -qq -y --no-install-recommends libegl1 libegl-mesa0 libgl1-mesa-dri && rm -rf /var/lib/apt/lists/*
COPY . /opt/baselines_her
RUN cd /opt/baselines_her && pip install --no-cache-dir -q -c constraints.txt '.[video,plot,tensorboard,mpi,demos,export]'
WORKDIR /work
ENTRYPOINT ["baselines-her"]
CMD ["--help"]
