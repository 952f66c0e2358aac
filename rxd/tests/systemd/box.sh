#!/bin/bash
# Boots a systemd as PID 1 of throw-away namespaces, without a container engine. The machine's own
# systemd, cgroups and network are not touched. Needs root.
#
#   box.sh up TREE EXE    boots TREE (a directory with systemd in it, or / for the machine's own,
#                         seen through an overlay), with EXE at /opt/subject; prints `up PID` when
#                         the boot is done. Ends the box at the end of its standard input, or at
#                         SIGHUP, SIGINT or SIGTERM; if it is killed, the box ends with it
#   box.sh in PID CMD..   runs CMD in the box
#   box.sh tree DIR       makes a small Debian tree, for a systemd newer than the machine's
set -euo pipefail
SELF=$(readlink -f "$0")

die() { echo "box: $*" >&2; exit 1; }

# Prints where cgroup v2 is mounted. If it is not, mounts it at $1, in this mount namespace.
cgroups() {
  local at
  at=$(awk '/ - cgroup2 / {print $5; exit}' /proc/self/mountinfo)
  [ -n "$at" ] || { mkdir -p "$1"; mount -t cgroup2 cgroup2 "$1"; at=$1; }
  echo "$at"
}

up() {
  [ "$(id -u)" = 0 ] || die "needs root"
  clear_up
  work=$(mktemp -d /tmp/rxd-box.XXXXXX)
  launcher="" pid=""
  trap end EXIT
  trap 'exit 1' HUP INT TERM
  # Held while this box is in use: see clear_up.
  exec 9>"$work/lock"
  flock 9
  local try
  for try in 1 2 3; do
    if boot "$1" "$2"; then
      echo "up $pid"
      while read -r _; do :; done
      return
    fi
    cat "$work/log" >&2
    down
  done
  die "systemd did not boot in three tries"
}

# Boots, and waits until systemd answers.
boot() {
  local try
  BOX_WORK=$work BOX_TREE=$1 BOX_EXE=$2 setsid setpriv --pdeathsig KILL \
    unshare --mount --propagation private "$SELF" outer </dev/null >"$work/log" 2>&1 9>&- &
  launcher=$!
  for try in $(seq 600); do
    kill -0 "$launcher" 2>/dev/null || return 1
    [ -n "$pid" ] || pid=$(init_of "$launcher")
    if [ -n "$pid" ] && "$SELF" in "$pid" systemctl show -p Version >/dev/null 2>&1; then
      # Returns when the boot's jobs are done. Units of the tree may fail.
      timeout 60 "$SELF" in "$pid" systemctl is-system-running --wait >/dev/null 2>&1 || true
      return
    fi
    sleep 0.1
  done
  echo "systemd did not answer within a minute" >>"$work/log"
  return 1
}

# Prints the process that is PID 1 in the box, once it runs systemd.
init_of() {
  local child
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    [ "$(cat "/proc/$child/comm" 2>/dev/null)" != systemd ] || echo "$child"
  done
}

# Ends the box. Its directory stays.
down() {
  # Killing PID 1 of a PID namespace kills every process in it.
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  [ -z "$launcher" ] || kill -KILL "$launcher" 2>/dev/null || true
  [ -z "$launcher" ] || wait "$launcher" 2>/dev/null || true
  launcher="" pid=""
  BOX_WORK=$work unshare --mount --propagation private "$SELF" sweep || true
}

end() {
  trap '' HUP INT TERM
  down
  rm -rf --one-file-system "$work"
}

# Removes what boxes have left whose script was killed: an empty cgroup and a directory.
clear_up() {
  local left
  for left in $(find /tmp -maxdepth 1 -name 'rxd-box.*' -mmin +1); do
    flock --nonblock "$left/lock" true 2>/dev/null || continue
    BOX_WORK=$left unshare --mount --propagation private "$SELF" sweep || true
    rm -rf --one-file-system "$left"
  done
}

sweep() {
  local at try
  at=$(cgroups "$BOX_WORK/cgroup")/$(basename "$BOX_WORK")
  for try in $(seq 100); do
    [ -d "$at" ] || return 0
    find "$at" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
}

# In a new mount namespace: makes a cgroup for the box, then its namespaces.
outer() {
  local at
  at=$(cgroups "$BOX_WORK/cgroup")/$(basename "$BOX_WORK")
  mkdir -p "$at"
  echo $$ >"$at/cgroup.procs"
  exec unshare --mount --pid --cgroup --uts --ipc --net --fork --kill-child=SIGKILL \
    --propagation private "$SELF" init
}

# PID 1 of the box: makes its root, and becomes systemd.
init() {
  [ $$ = 1 ] || die "is not PID 1"
  local root=$BOX_WORK/root rw=$BOX_WORK/rw node path unit
  mkdir -p "$root" "$rw"
  mount -t tmpfs -o size=1g,mode=755 tmpfs "$rw"
  mkdir "$rw/upper" "$rw/work"
  mount -t overlay overlay -o "lowerdir=$BOX_TREE,upperdir=$rw/upper,workdir=$rw/work" "$root"
  mkdir -p "$root"/{proc,sys,dev,run,tmp,opt,etc/systemd/system,var/log/journal,oldroot}

  mount -t tmpfs -o mode=755,size=64m tmpfs "$root/dev"
  for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  : >"$root/dev/console"
  mount --bind /dev/null "$root/dev/console"
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for node in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${node%%:*}" "$root/dev/${node##*:}"
  done
  mount -t tmpfs -o mode=755,size=256m tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  # Kernel settings are the machine's: read-only in the box.
  for path in sys irq bus fs sysrq-trigger; do
    [ -e "$root/proc/$path" ] || continue
    mount --bind "$root/proc/$path" "$root/proc/$path"
    mount -o remount,bind,ro "$root/proc/$path"
  done
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
  install -m 755 "$BOX_EXE" "$root/opt/subject"

  [ -s "$root/etc/passwd" ] || printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' \
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' >"$root/etc/passwd"
  [ -s "$root/etc/group" ] || printf '%s\n' 'root:x:0:' 'tty:x:5:' 'nogroup:x:65534:' >"$root/etc/group"
  echo box >"$root/etc/hostname"
  : >"$root/etc/fstab"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"

  # Only basic units and those of the tests are to be started.
  rm -rf "$root"/etc/systemd/system/*.wants
  printf '[Unit]\nDescription=box\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' \
    >"$root/etc/systemd/system/box.target"
  ln -sf box.target "$root/etc/systemd/system/default.target"
  for unit in systemd-{udevd,udev-trigger,modules-load,sysctl,timesyncd,networkd,firstboot,random-seed}.service \
    systemd-{hwdb-update,tpm2-setup,tpm2-setup-early,remount-fs,update-utmp,binfmt,pcrphase,boot-update}.service \
    systemd-udevd-{kernel,control}.socket systemd-journald-audit.socket ldconfig.service kmod-static-nodes.service \
    dev-{hugepages,mqueue}.mount sys-fs-fuse-connections.mount sys-kernel-{config,debug,tracing}.mount \
    proc-sys-fs-binfmt_misc.automount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  mkdir -p "$root/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\nForwardToSyslog=no\n' \
    >"$root/etc/systemd/journald.conf.d/box.conf"

  cd "$root"
  pivot_root . oldroot
  umount -l /oldroot
  # As on a booted system: credentials and sandboxes need shared mounts.
  mount --make-rshared /
  exec env -i container=box PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm,-block_suspend,-mac_admin,-mac_override \
    /lib/systemd/systemd --unit=box.target --log-target=journal --show-status=no
}

inside() {
  local pid=$1
  shift
  exec nsenter -t "$pid" -m -u -i -n -p -C -- env -i LANG=C.UTF-8 HOME=/root TERM=dumb SYSTEMD_PAGER= \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_COLORS=0 "$@"
}

tree() {
  [ "$(id -u)" = 0 ] || die "needs root"
  command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed"
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -1)
  rm -rf "$1.new"
  # Extracted and not configured, so that no script of the packages runs.
  mmdebstrap --mode=root --variant=extract --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --include=systemd,systemd-sysv,dbus,libnss-systemd,base-files,bash,dash,coreutils,sed,grep,findutils,mawk,procps,util-linux,mount,netcat-openbsd \
    "${BOX_SUITE:-trixie}" "$1.new" "$mirror"
  printf '%s\n' 'root:x:0:0:root:/root:/bin/bash' 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' \
    >"$1.new/etc/passwd"
  printf '%s\n' 'root:x:0:' 'tty:x:5:' 'nogroup:x:65534:' >"$1.new/etc/group"
  chroot "$1.new" systemd-sysusers >/dev/null
  ln -sfn /run "$1.new/var/run"
  mkdir -p "$1.new/root" "$1.new/tmp"
  mv "$1.new" "$1"
}

case ${1:-} in
up) up "${2:?tree}" "${3:?exe}" ;;
in) shift && inside "$@" ;;
tree) tree "${2:?directory}" ;;
outer | init | sweep) "$1" ;;
*) die "up TREE EXE, in PID CMD.., or tree DIR" ;;
esac
