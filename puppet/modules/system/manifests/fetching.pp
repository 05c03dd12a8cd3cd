# @summary The program with which packages are downloaded: it names mirrors that hang, and tries the next one.
#
# Python 3 must be there.
#
# @api private
class system::fetching {
  $folder = '/usr/local/lib/cloudify-scipion'
  $command = "${folder}/fetch"

  file {
    default:
      ensure  => directory,
      owner   => 'root',
      group   => 'root';
    $folder:
      mode => '0755';
    $command:
      ensure => file,
      source => 'puppet:///modules/system/fetch.py',
      mode   => '0755';
    "${folder}/cloudify_fetching":
      source  => 'puppet:///modules/system/cloudify_fetching',
      mode    => 'u=rw,go=r,a+X',
      recurse => true,
      purge   => true,
      force   => true,
      ignore  => ['__pycache__', '.*'];
  }
}
