# @summary The desktop's configuration; needs no network
# @api private
class desktop::config {
  assert_private()

  $folder = '/etc/cloudify-desktop'
  $bin = '/usr/local/share/cloudify-desktop/bin'
  $key = "${folder}/tls/key.pem"
  $certificate = "${folder}/tls/cert.pem"
  $gateway = {
    'title'         => $desktop::page_title,
    'open_command'  => $desktop::open_command,
    'bind'          => $desktop::bind,
    'port'          => $desktop::port,
    'hosts'         => $desktop::hosts,
    'session_hours' => $desktop::session_hours,
    'state'         => '/run/cloudify-desktop',
    'vnc_socket'    => '/run/cloudify-desktop-vnc/socket',
    'page'          => '/usr/local/share/cloudify-desktop/page',
    'novnc'         => '/usr/local/share/cloudify-desktop/novnc',
    'certificate'   => if $desktop::tls { $certificate } else { undef },
    'key'           => if $desktop::tls { $key } else { undef },
    'project'       => $desktop::scipion_project,
    'ends_at'       => $desktop::ends_at,
  }

  file {
    default:
      owner => 'root',
      group => 'root',
      mode  => '0644';
    "${folder}/gateway.json":
      content => to_json_pretty($gateway),
      notify  => Service['cloudify-desktop-gateway'];
    "${folder}/vnc.env":
      content => "GEOMETRY=${desktop::geometry}\n",
      notify  => Exec['desktop size'];
    "${folder}/session.env":
      content => epp('desktop/session.env.epp', {
          'command' => $desktop::scipion_command,
          'project' => $desktop::scipion_project,
          'folder'  => $desktop::project_folder,
      }),
      notify  => Service['cloudify-desktop-session'];
  }

  # A server that runs takes the new size as it does from a browser; one that starts reads it.
  exec { 'desktop size':
    command     => "runuser -u ${desktop::user} -- ${bin}/size",
    onlyif      => 'systemctl -q is-active cloudify-desktop-vnc',
    path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    refreshonly => true,
  }

  if $desktop::tls {
    exec { 'desktop certificate':
      command => "${bin}/make-certificate ${key} ${certificate} ${facts['networking']['hostname']}",
      creates => $key,
      notify  => Service['cloudify-desktop-gateway'],
    }
    -> file {
      default:
        ensure => file,
        owner  => 'cloudify-desktop',
        mode   => '0600';
      [$key, $certificate]:
    }
  }
}
