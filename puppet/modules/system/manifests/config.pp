# @summary Identity of the machine: message of the day, a file for programs, and the user's SSH keys.
# @api private
class system::config {
  assert_private()

  $identity = $system::identity

  if $identity {
    $public = { 'title' => $identity['title'], 'project_id' => $identity['project_id'] }

    file { '/etc/cloudify-scipion/identity.json':
      ensure  => file,
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => "${to_json($public)}\n",
    }

    file { '/etc/motd':
      ensure  => file,
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => epp('system/motd.epp', $public),
    }

    file { "${system::home}/.ssh":
      ensure => directory,
      owner  => $system::user,
      group  => $system::user,
      mode   => '0700',
    }

    file { "${system::home}/.ssh/authorized_keys":
      ensure  => file,
      owner   => $system::user,
      group   => $system::user,
      mode    => '0600',
      content => pick($identity['ssh_keys'], []).map |$key| { "${key}\n" }.join(''),
    }
  }
}
