# @summary Scipion's configuration files.
# @api private
class scipion::config {
  assert_private()

  # Python's literals and Ruby's are the same for lists of strings; % is doubled for Python's ConfigParser.
  $own = {
    'SCIPION_NOTIFY'    => 'False',
    'SCIPION_FONT_NAME' => 'DejaVu Sans',
    'VIEWERS'           => to_json($scipion::viewers),
  }
  $variables = ($own + $scipion::variables).reduce({}) |$all, $variable| {
    $all + { $variable[0] => regsubst($variable[1], '%', '%%', 'G') }
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    "${scipion::home}/config/scipion.conf":
      content => epp('scipion/scipion.conf.epp', { 'variables' => $variables }),
      ;
    "${scipion::home}/config/hosts.conf":
      content => epp('scipion/hosts.conf.epp', { 'cores' => Integer($scipion::cores) }),
      ;
  }
}
