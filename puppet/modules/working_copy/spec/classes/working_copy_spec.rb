# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'
require 'json'

timers = ['scipion-data-push.timer', 'scipion-data-scan.timer']
started = timers + ['scipion-data-requests.path']
unit = '/etc/systemd/system/scipion-data@.service'

describe 'working_copy' do
  let(:copy) do
    {
      install: false, service: true, project: 'beta-gal-1', machine: 'beta-gal-1-m3', generation: 3, volume: 'beta-gal-1-data',
      owner: { installation: 'i1', tenant: 'default_tenant', deployment: 'beta-gal-1' }, fenced: true,
      space: { kind: 'directory', path: '/srv/scipion-space/project', verify: '', mounted: true },
      include: ['**/*.mrcs'], exclude: ["odd \"é\" 🧊\u0085"],
    }
  end

  context 'when only the agent is installed' do
    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_system__packages('working_copy').with_packages('python3' => 'installed') }
    it { is_expected.to contain_user('scipion-data').with_uid(2001).with_gid(2001).with_shell('/usr/sbin/nologin') }
    it { is_expected.to contain_group('scipion-data').with_gid(2001) }
    it { is_expected.to contain_file('/usr/local/bin/scipion-data').with_mode('0755').with_content(%r{ -I -B .*\.pyz "\$@"$}) }
    it { is_expected.to contain_file('/usr/local/sbin/scipion-data-quiesce').with_mode('0755') }
    it { is_expected.to have_service_resource_count(0) }
    it { is_expected.not_to contain_file('/etc/scipion-data/config.json') }

    it {
      is_expected.to contain_file('/usr/local/lib/scipion-data/scipion-data.pyz')
        .with_source('puppet:///modules/working_copy/scipion-data.pyz').with_mode('0644')
    }

    it 'gives the agent four capabilities and nothing else' do
      caps = 'CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_LEASE'
      is_expected.to contain_file(unit)
        .with_content(%r{^AmbientCapabilities=#{caps}$}).with_content(%r{^CapabilityBoundingSet=#{caps}$})
        .with_content(%r{^NoNewPrivileges=yes$}).with_content(%r{^User=scipion-data$}).with_content(%r{^PrivateNetwork=yes$})
        .with_content(%r{^ProtectSystem=strict$}).with_content(%r{^ProtectHome=read-only$})
        .with_content(%r{^PrivateDevices=yes$}).with_content(%r{^SystemCallFilter=@system-service$})
        .with_content(%r{^MemoryMax=1G$}).with_content(%r{^RuntimeDirectoryPreserve=yes$})
    end

    it 'lets the agent see whether the working copy is read-only for the user' do
      is_expected.to contain_file(unit)
        .with_content(%r{^ReadWritePaths=-/srv/scipion-volume -/srv/scipion-space /run/scipion-data$})
        .with_content(%r{^ReadWritePaths=-/home/scipion/ScipionUserData$})
    end

    it { is_expected.to contain_file(unit).with_content(%r{^ConditionPathExists=/etc/scipion-data/config\.json$}) }
    it { is_expected.to contain_file(unit).with_content(%r{^StartLimitIntervalSec=0$}) }
    it { is_expected.to contain_file('/etc/scipion-data').with_owner('root').with_group('root').with_mode('0755') }

    it {
      is_expected.to contain_file('/etc/tmpfiles.d/scipion-data.conf')
        .with_content(%r{^d /run/scipion-data/requests 0770 scipion-data scipion -$})
        .with_content(%r{^C /run/scipion-data/status.json 0644 scipion-data scipion-data - /srv/scipion-volume/agent/status.json$})
    }

    ['push', 'scan'].each do |work|
      it {
        is_expected.to contain_file("/etc/systemd/system/scipion-data@#{work}.service.d/pulled.conf")
          .with_content("[Unit]\nConditionPathExists=/srv/scipion-volume/agent/pulled\n")
      }
    end

    it {
      is_expected.to contain_file('/etc/systemd/system/scipion-data-push.timer')
        .with_content(%r{^OnUnitInactiveSec=5min$}).with_content(%r{^Unit=scipion-data@push\.service$})
    }
    it { is_expected.to contain_file('/etc/systemd/system/scipion-data-scan.timer').with_content(%r{^OnUnitInactiveSec=60min$}) }
  end

  context 'with its units' do
    units = ['scipion-data@.service', 'scipion-data-requests.path', 'scipion-data-requests.service', *timers,
             'scipion-data-reopen.service', 'scipion-data-reopen.timer', 'scipion-data-unseal.service',
             'scipion-data@push.service.d/pulled.conf', 'scipion-data@scan.service.d/pulled.conf']

    units.each do |name|
      it {
        is_expected.to contain_file("/etc/systemd/system/#{name}")
          .with_ensure('file').with_owner('root').with_group('root').with_mode('0644').with_content(%r{^\[Unit\]$})
          .that_notifies('Exec[systemd reads the units of scipion-data]')
      }
    end

    it 'takes the seal away at each boot, before anybody can write' do
      is_expected.to contain_file('/etc/systemd/system/scipion-data-unseal.service')
        .with_content(%r{^ExecStart=/usr/bin/rm -f -- /srv/scipion-volume/agent/seal\.json$})
        .with_content(%r{^DefaultDependencies=no$}).with_content(%r{^Before=sysinit\.target shutdown\.target$})
      is_expected.to contain_file('/etc/systemd/system/sysinit.target.wants/scipion-data-unseal.service')
        .with_ensure('link').with_target('/etc/systemd/system/scipion-data-unseal.service')
    end

    it 'watches over a seal only when it is asked to' do
      is_expected.to contain_file('/usr/local/sbin/scipion-data-reopen').with_mode('0755')
      is_expected.to contain_file('/etc/systemd/system/scipion-data-reopen.timer').without_content(%r{^\[Install\]$})
    end

    it 'has no others' do
      files = catalogue.resources.select { |resource| resource.type == 'File' && resource[:ensure] == 'file' }.map(&:title)
      expect(files.grep(%r{^/etc/systemd})).to match_array(units.map { |name| "/etc/systemd/system/#{name}" })
    end
  end

  context 'with its configuration' do
    let(:params) { copy }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_system__packages('working_copy') }
    it { is_expected.to contain_class('working_copy::config').that_comes_before('Class[working_copy::service]') }
    started.each { |name| it { is_expected.to contain_service(name).with_ensure('running').with_enable(true) } }
    it { is_expected.to contain_file('/etc/systemd/system/scipion-data-push.timer').that_notifies('Service[scipion-data-push.timer]') }

    it 'runs nothing without a guard' do
      catalogue.resources.select { |resource| resource.type == 'Exec' }.each do |exec|
        expect(exec[:unless] || exec[:refreshonly]).to be_truthy, exec.ref
      end
    end

    it {
      is_expected.to contain_file('/etc/scipion-data/config.json').with_owner('root').with_group('scipion-data').with_mode('0644')
    }
    it { is_expected.to contain_file('/srv/scipion-space').with_owner('root').with_group('scipion-data').with_mode('0750').without_recurse }
    it { is_expected.to contain_file('/run/scipion-data/requests').with_owner('scipion-data').with_group('scipion').with_mode('0770') }

    it 'writes every key' do
      content = catalogue.resource('file', '/etc/scipion-data/config.json')[:content]
      expect(JSON.parse(content)).to eq(
        'version' => 1, 'project' => 'beta-gal-1',
        'owner' => { 'installation' => 'i1', 'tenant' => 'default_tenant', 'deployment' => 'beta-gal-1' },
        'machine' => 'beta-gal-1-m3', 'generation' => 3, 'fenced' => true, 'volume' => 'beta-gal-1-data',
        'mark' => '/srv/scipion-volume/volume.json', 'tree' => '/srv/scipion-volume/user', 'state' => '/srv/scipion-volume/agent',
        'user_path' => '/home/scipion/ScipionUserData', 'user' => 2000, 'run' => '/run/scipion-data',
        'space' => { 'kind' => 'directory', 'path' => '/srv/scipion-space/project', 'verify' => '', 'mounted' => true },
        'include' => ['**/*.mrcs'], 'exclude' => ["odd \"é\" 🧊\u0085"], 'trash_bytes' => 0, 'trash_days' => 7, 'room_percent' => 5
      )
    end
  end

  [:project, :machine, :generation, :volume, :space].each do |name|
    context "without #{name}" do
      let(:params) { copy.reject { |key| key == name } }

      it { is_expected.to compile.and_raise_error(%r{service needs #{name}}) }
    end
  end

  context 'when it goes' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    started.each { |name| it { is_expected.to contain_service(name).with_ensure('stopped').with_enable(false) } }
    it { is_expected.to contain_service('scipion-data@push.service').with_ensure('stopped') }

    [
      unit, '/etc/systemd/system/scipion-data@push.service.d', '/etc/scipion-data', '/run/scipion-data',
      '/usr/local/lib/scipion-data', '/usr/local/bin/scipion-data', '/usr/local/sbin/scipion-data-quiesce',
      *started.map { |name| "/etc/systemd/system/#{name}" }
    ].each { |path| it { is_expected.to contain_file(path).with_ensure('absent') } }

    it { is_expected.not_to contain_user('scipion-data') }

    it 'touches nothing of the volume or of a data space' do
      paths = catalogue.resources.select { |resource| resource.type == 'File' }.map(&:title)
      expect(paths.grep(%r{\A/(srv|home)})).to eq([])
    end
  end

  {
    project: ['', 'Beta', '-x', "a\nb"],
    generation: [-1, '3'],
    memory: ['1G; x', ''],
    space: [{ kind: 'an ftp', path: '/x', verify: '' }, { kind: 'onedata', path: 'x', verify: '' }, { kind: 'onedata', path: '/x' }],
    owner: [{ installation: 'x' }],
    include: [['']],
    user: ['root;', ''],
  }.each do |name, values|
    values.each do |value|
      context "with #{name} #{value.inspect}" do
        let(:params) { copy.merge(name => value) }

        it { is_expected.to compile.and_raise_error(%r{#{name}}) }
      end
    end
  end
end
