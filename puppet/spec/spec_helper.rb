# frozen_string_literal: true

require 'rspec-puppet'

RSpec.configure do |config|
  config.module_path = [File.expand_path('../modules', __dir__), '/usr/share/puppet/modules'].join(':')
  # Without this, rspec-puppet links the module into itself, and everything is loaded twice.
  config.setup_fixtures = false
  config.strict_variables = true
  config.default_facts = {
    os: { family: 'Debian', name: 'Debian', release: { full: '12.5', major: '12' } },
    processors: { count: 4 },
    networking: { hostname: 'machine', fqdn: 'machine' },
  }
end
