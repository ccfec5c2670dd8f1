# SPDX-License-Identifier: GPL-3.0-or-later
# The Debian packages that each purpose needs, and their installation. Sourced by dev.

packages_build=(
  ccache
  clang
  gcc
  gettext
  libadwaita-1-dev
  libc6-dev
  libcairo2-dev
  libepoxy-dev
  libfdt-dev
  libglib2.0-dev
  libglib2.0-dev-bin
  libgtk-4-dev
  libjson-glib-dev
  libsqlite3-dev
  libssl-dev
  liburing-dev
  libzstd-dev
  meson
  ninja-build
  pkg-config
  python3
  zlib1g-dev
)

packages_run=(
  adwaita-icon-theme
  ca-certificates
  dbus
  debian-archive-keyring
  fonts-dejavu-core
  gsettings-desktop-schemas
  librsvg2-common
  opensbi
  qemu-efi-aarch64
  shared-mime-info
)

packages_test=(
  acpica-tools
  appstream
  at-spi2-core
  clang-format
  desktop-file-utils
  e2fsprogs
  edid-decode
  flatpak-builder
  fonts-noto-cjk
  gcc-aarch64-linux-gnu
  gcc-riscv64-linux-gnu
  gir1.2-atspi-2.0
  grim
  imagemagick
  libc6-dev-arm64-cross
  libc6-dev-riscv64-cross
  libcapstone-dev
  libclang-rt-dev
  libgl1-mesa-dri
  libgtk-4-bin
  lld
  llvm
  locales
  mtools
  openbox
  python3-gi
  python3-jsonschema
  qemu-user-static
  qemu-utils
  sway
  wtype
  xauth
  xdotool
  xorriso
  xvfb
  xz-utils
)

packages_bench=(
  qemu-system-arm
  qemu-system-misc
)

# install_packages PURPOSE...: says what is missing and installs it, as root or through sudo.
install_packages() {
  local purpose package wanted=() missing=()
  for purpose in "$@"; do
    local -n list="packages_$purpose"
    wanted+=("${list[@]}")
  done
  command -v dpkg-query >/dev/null ||
    die "this is not a Debian system; install the equivalents of: ${wanted[*]}"
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Packages to install: ${missing[*]}"
  if [ -n "${DIORAMA_NO_INSTALL:-}" ]; then
    die "not installed, as DIORAMA_NO_INSTALL is set; run: apt-get install ${missing[*]}"
  fi
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}"
}
