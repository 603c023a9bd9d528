#!/usr/bin/env bash
# A Slurm of one machine, for development: its tests submit real job arrays. Debian: apt-get install slurm-wlm munge.
#   eval "$(scripts/slurm_for_development.sh start)"   starts munged, slurmctld and slurmd below a new folder in /tmp
#   scripts/slurm_for_development.sh stop              ends those that belong to $SLURM_CONF with their jobs, removes the folder
# Everything runs as the user who starts it, with ports and keys of its own; nothing in /etc is read or written.
set -euo pipefail
PATH=$PATH:/usr/sbin

start() {
  local folder host cpus memory port
  folder=$(mktemp -d /tmp/slurm-development.XXXXXX); host=$(hostname -s); cpus=$(env -u OMP_NUM_THREADS nproc)
  memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  port=$((20000 + RANDOM % 20000))
  mkdir "$folder"/{state,spool}
  head -c 1024 /dev/urandom > "$folder/munge.key"
  chmod 711 "$folder"; chmod 600 "$folder/munge.key"
  cat > "$folder/slurm.conf" <<CONF
ClusterName=development
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MaxArraySize=10001
MaxJobCount=20000
MinJobAge=300
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
# as many places as the machine has CPUs, each for one job
NodeName=$host NodeAddr=127.0.0.1 Boards=1 SocketsPerBoard=1 CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$folder/slurm.conf
  {
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
      --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF" -N "$host"
    for _ in $(seq 50); do
      sinfo -h -o %T | grep -q idle && break
      sleep 0.2
    done
    sinfo -h -o %T | grep -q idle || { tail "$folder"/*.log; exit 1; }
  } >&2
  echo "export SLURM_CONF=$SLURM_CONF"
}

stop() {
  local folder
  folder=$(dirname "${SLURM_CONF:?is not set: nothing to stop}")
  [[ $folder == /tmp/slurm-development.* ]] || { echo "$SLURM_CONF is not of this script" >&2; exit 1; }
  scancel --user="$(id -un)" 2> /dev/null || true  # jobs would outlive the daemons
  for _ in $(seq 40); do
    [ -n "$(squeue -h 2> /dev/null)" ] || break
    sleep 0.2
  done
  for daemon in slurmd slurmctld munged; do
    [ ! -s "$folder/$daemon.pid" ] || kill "$(cat "$folder/$daemon.pid")" || true
  done
  sleep 1
  rm -rf "$folder"
}

case ${1:-} in
  start | stop) "$1" ;;
  *) sed -n '2,5p' "$0"; exit 2 ;;
esac
