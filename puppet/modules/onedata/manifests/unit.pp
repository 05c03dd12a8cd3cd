# @summary One mount: its configuration and its service.
#
# @param mount What is mounted, and where.
# @api private
define onedata::unit (
  Onedata::Mount $mount,
) {
  assert_private()

  $service = "onedata@${title}"
  $config = "/etc/onedata/${title}.json"

  if $mount['ensure'] == 'absent' {
    service { $service:
      ensure => stopped,
      enable => false,
    }

    # Never a recursive removal: if something were still mounted there, it would empty the space.
    -> exec { "onedata ${title} is removed":
      command => "/usr/local/lib/onedata/onedata-mount remove ${title}",
      onlyif  => "/usr/bin/test -e ${config}",
    }

    -> file { [$config, "/etc/onedata/${title}.token"]:
      ensure => absent,
      backup => false,
    }
  } else {
    $values = {
      'command'    => $onedata::command,
      'user'       => $onedata::user,
      'host'       => $mount['host'],
      'space'      => $mount['space'],
      'path'       => pick_default($mount['path'], ''),
      'mountpoint' => $mount['mountpoint'],
      'read_only'  => $mount['read_only'],
      'options'    => pick_default($mount['options'], []),
    }
    $start = $mount['start'] ? { false => false, default => true }

    file { $config:
      ensure  => file,
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => to_json_pretty($values),
    }

    ~> service { $service:
      ensure => if $start { running } else { undef },
      enable => $start,
    }
  }
}
