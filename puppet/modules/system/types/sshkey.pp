# @summary A public SSH key in OpenSSH's format, on one line and without options before its type.
type System::Sshkey = Pattern[
  /\A(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9-]+@openssh\.com) [A-Za-z0-9+\/=]+( [^\r\n]*)?\z/
]
