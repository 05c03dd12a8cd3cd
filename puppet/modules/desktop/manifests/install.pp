# @summary Packages, programs, units and the gateway's user; starts nothing and makes no key
# @api private
class desktop::install {
  assert_private()

  $share = '/usr/local/share/cloudify-desktop'
  $novnc = "${share}/novnc"

  include system::fetching

  system::packages { 'desktop':
    packages => Hash($desktop::packages.map |String[1] $name| { [$name, 'installed'] }),
  }

  group { 'cloudify-desktop':
    ensure => present,
    system => true,
  }
  -> user { 'cloudify-desktop':
    ensure => present,
    system => true,
    gid    => 'cloudify-desktop',
    home   => '/nonexistent',
    shell  => '/usr/sbin/nologin',
  }

  file {
    default:
      owner => 'root',
      group => 'root';
    '/etc/cloudify-desktop':
      ensure => directory,
      mode   => '0755';
    '/etc/cloudify-desktop/tls':
      ensure => directory,
      group  => 'cloudify-desktop',
      mode   => '0750';
    ['/usr/local/lib/cloudify-desktop', $share]:
      ensure => directory,
      mode   => '0755';
    '/usr/local/sbin/cloudify-desktop-link':
      source => 'puppet:///modules/desktop/link_command.py',
      mode   => '0755';
  }

  # Modes are set here: what packaged this module may not have kept them.
  file {
    default:
      ensure  => directory,
      owner   => 'root',
      group   => 'root',
      mode    => 'u=rw,go=r,a+X',
      recurse => true,
      purge   => true,
      force   => true,
      ignore  => ['__pycache__', '.*'];
    '/usr/local/lib/cloudify-desktop/cloudify_desktop':
      source => 'puppet:///modules/desktop/gateway/cloudify_desktop';
    "${share}/page":
      source => 'puppet:///modules/desktop/page';
    "${share}/session":
      source => 'puppet:///modules/desktop/session';
    "${share}/saving":
      source => 'puppet:///modules/desktop/saving';
    "${share}/helper":
      source => 'puppet:///modules/desktop/helper';
    "${share}/bin":
      source => 'puppet:///modules/desktop/bin',
      mode   => '0755';
  }

  # Debian's novnc depends on Node.js and a web framework for its own launcher; the browser's files need neither.
  $paths = ['usr/share/novnc/core', 'usr/share/novnc/vendor', 'usr/share/doc/novnc/copyright']
  exec { 'desktop noVNC':
    command   => "${system::fetching::command} unpack novnc=${desktop::novnc_version} ${novnc} ${paths.join(' ')}",
    unless    => "grep -qxF ${desktop::novnc_version} ${novnc}/VERSION",
    path      => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    logoutput => on_failure,
    require   => [System::Packages['desktop'], Class['system::fetching'], File[$share]],
  }

  $names = ['vnc', 'session', 'helper', 'gateway']
  system::units { 'cloudify-desktop':
    units => Hash($names.map |String $name| {
        ["cloudify-desktop-${name}.service", epp("desktop/${name}.service.epp", { 'user' => $desktop::user })]
    }),
  }
  $names.each |String $name| {
    File["/etc/systemd/system/cloudify-desktop-${name}.service"] ~> Service <| title == "cloudify-desktop-${name}" |>
  }

  # Only what has changed is started again: a new page or theme closes nobody's windows. The helper has none; the session
  # starts it where it does not run.
  [File['/etc/systemd/system/cloudify-desktop-helper.service'], File["${share}/helper"]] ~> Exec['desktop helper']
  File['/usr/local/lib/cloudify-desktop/cloudify_desktop', "${share}/saving"] ~> Service <| title == 'cloudify-desktop-gateway' |>

  exec { 'desktop helper':
    command     => '/usr/bin/systemctl try-restart cloudify-desktop-helper',
    refreshonly => true,
    require     => System::Units['cloudify-desktop'],
  }
}
