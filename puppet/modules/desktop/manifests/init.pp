# @summary A remote desktop in the browser whose links work once
#
# TigerVNC listens on a unix socket only. The gateway is the only way to it: it serves a page with noVNC and lets a
# WebSocket through that brings a link's token, or the session cookie that a link has opened.
#
# It can be applied in two steps: `install` alone (all downloads; nothing is started, no key is made), and later `service`
# without network.
#
# @example Both at once
#   class { 'desktop':
#     user       => 'alice',
#     page_title => 'Ribosome, March',
#   }
#
# @param ensure
#   Whether the desktop is here. `absent` ends all sessions and removes everything but the Debian packages.
# @param install
#   Whether packages, programs, units and the gateway's user are managed.
# @param service
#   Whether the configuration is written and the services run.
# @param start
#   Whether they are started; if not, they are at the next boot.
# @param user
#   Who the desktop belongs to. The account exists already.
# @param geometry
#   The screen's size before the first browser; from then on it is that of the browser's window. A change closes no window.
# @param page_title
#   What the page is called.
# @param open_command
#   What the page tells people to run when their link is used up.
# @param scipion_project
#   The Scipion project that is opened at login and by the menu.
# @param scipion_command
#   The command that opens it, as `COMMAND project NAME`.
# @param project_folder
#   The folder in the user's home that "Files" and "Terminal" show first.
# @param tls
#   Whether the gateway speaks HTTPS. `/etc/cloudify-desktop/tls/{cert,key}.pem` are used; if they are not there, a
#   self-signed pair is made.
# @param bind
#   The address that the gateway listens on.
# @param port
#   The gateway's port.
# @param hosts
#   Host names by which browsers reach the gateway, besides localhost and IP addresses.
# @param session_hours
#   How long a session lives without being used.
# @param ends_at
#   When the project's time is over, as `2030-01-31T14:05:00+00:00`; the page tells how much is left.
# @param packages
#   Debian packages of the desktop.
# @param novnc_version
#   Version of Debian's noVNC, of which only the files for the browser are taken.
class desktop (
  Enum['present', 'absent'] $ensure,
  Boolean $install,
  Boolean $service,
  Boolean $start,
  Pattern[/\A[a-z_][a-z0-9_-]*\z/] $user,
  Desktop::Geometry $geometry,
  String[1] $page_title,
  String[1] $open_command,
  Stdlib::Absolutepath $scipion_command,
  Desktop::Foldername $project_folder,
  Boolean $tls,
  Stdlib::IP::Address $bind,
  Integer[1024, 65535] $port,
  Array[Stdlib::Host] $hosts,
  Integer[1] $session_hours,
  Array[String[1], 1] $packages,
  String[1] $novnc_version,
  Optional[Desktop::Foldername] $scipion_project = undef,
  Optional[Desktop::Moment] $ends_at = undef,
) {
  if $ensure == 'absent' {
    contain desktop::remove
  } else {
    if $install {
      contain desktop::install
    }
    if $service {
      contain desktop::config
      contain desktop::service

      Class['desktop::config'] -> Class['desktop::service']
    }
    if $install and $service {
      Class['desktop::install'] -> Class['desktop::config']
    }
  }
}
