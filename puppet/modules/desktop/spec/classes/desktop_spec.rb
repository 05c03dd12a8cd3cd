# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

services = ['vnc', 'session', 'gateway'].map { |name| "cloudify-desktop-#{name}" }
units = [*services, 'cloudify-desktop-helper'].map { |name| "/etc/systemd/system/#{name}.service" }

describe 'desktop' do
  context 'with everything at once' do
    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_class('desktop::install').that_comes_before('Class[desktop::config]') }
    it { is_expected.to contain_class('desktop::config').that_comes_before('Class[desktop::service]') }

    services.each { |name| it { is_expected.to contain_service(name).with_ensure('running').with_enable(true) } }

    it { is_expected.to contain_file('/usr/local/share/cloudify-desktop/saving').with_source('puppet:///modules/desktop/saving') }

    it 'lets nothing but the gateway listen' do
      is_expected.to contain_file(units[0])
        .with_content(%r{-rfbport -1})
        .with_content(%r{-nolisten tcp})
        .with_content(%r{-SecurityTypes None})
        .with_content(%r{RuntimeDirectoryMode=0710})
    end

    it 'makes services that come back however they end and however often' do
      units.each do |unit|
        is_expected.to contain_file(unit).with_content(%r{^Restart=always$}).with_content(%r{^StartLimitIntervalSec=0$})
      end
    end

    it 'ties no service to the life of another: a session without a server tries again' do
      units.each { |unit| is_expected.not_to contain_file(unit).with_content(%r{^(BindsTo|Requires)=}) }
      is_expected.to contain_file(units[1]).with_content(%r{^PartOf=cloudify-desktop-vnc\.service$})
      is_expected.to contain_file(units[0]).with_content(%r{^Wants=cloudify-desktop-session\.service$})
    end

    it 'keeps computations when the session ends, also when one of them takes all memory' do
      is_expected.to contain_file(units[1]).with_content(%r{^KillMode=process$}).with_content(%r{^OOMPolicy=continue$})
    end

    it 'lets browsers and the operator change the size of a server that runs' do
      is_expected.to contain_file(units[0]).with_content(%r{-AcceptSetDesktopSize=1})
      is_expected.to contain_file('/etc/cloudify-desktop/vnc.env').that_notifies('Exec[desktop size]')
      is_expected.not_to contain_file('/etc/cloudify-desktop/vnc.env').that_notifies('Service[cloudify-desktop-vnc]')
      is_expected.to contain_exec('desktop size').with_refreshonly(true).with_onlyif(%r{is-active cloudify-desktop-vnc})
    end

    it 'has a helper that starts again when it changes' do
      is_expected.to contain_file('/usr/local/share/cloudify-desktop/helper')
        .with_source('puppet:///modules/desktop/helper')
        .that_notifies('Exec[desktop helper]')
      is_expected.to contain_exec('desktop helper').with_refreshonly(true).with_command(%r{try-restart})
    end

    it 'refuses the gateway what it does not know, and kills nothing' do
      is_expected.to contain_file(units[2])
        .with_content(%r{^SystemCallFilter=@system-service$})
        .with_content(%r{^SystemCallErrorNumber=EPERM$})
    end

    it 'closes no windows when only the gateway changes' do
      is_expected.to contain_file('/usr/local/lib/cloudify-desktop/cloudify_desktop')
        .that_notifies('Service[cloudify-desktop-gateway]')
      is_expected.to contain_file('/usr/local/share/cloudify-desktop/saving').that_notifies('Service[cloudify-desktop-gateway]')
      is_expected.not_to contain_class('desktop::install').that_notifies('Class[desktop::service]')
    end
  end

  context 'when the services are started later' do
    let(:params) { { start: false } }

    services.each { |name| it { is_expected.to contain_service(name).without_ensure.with_enable(true) } }
  end

  context 'when only the software is installed' do
    let(:params) { { install: true, service: false } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_exec('apt packages for desktop').with_command(%r{ install .* icewm }) }
    it { is_expected.to contain_user('cloudify-desktop').with_system(true) }

    it 'takes the files for the browser from noVNC, and nothing of its launcher' do
      is_expected.to contain_exec('desktop noVNC')
        .with_command(%r{/fetch unpack novnc=\S+ /usr/local/share/cloudify-desktop/novnc usr/share/novnc/core usr/share/novnc/vendor })
        .with_unless(%r{\Agrep -qxF 1:[0-9.-]+ /usr/local/share/cloudify-desktop/novnc/VERSION\z})
    end
    it { is_expected.to have_service_resource_count(0) }
    it { is_expected.not_to contain_class('desktop::config') }
    it { is_expected.not_to contain_exec('desktop certificate') }

    it 'makes units that cannot start without configuration' do
      units.first(3).each { |unit| is_expected.to contain_file(unit).with_content(%r{^ConditionPathExists=/etc/cloudify-desktop/}) }
    end
  end

  context 'when only the project is configured' do
    let(:params) do
      {
        install: false,
        service: true,
        geometry: '1920x1080',
        page_title: "A \"title\" with é, 🧊 and\u0085more",
        scipion_project: 'relion-2d',
        ends_at: '2030-01-31T14:05:00+00:00',
      }
    end

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_class('desktop::install') }
    it { is_expected.not_to contain_system__packages('desktop') }
    it { is_expected.to contain_file('/etc/cloudify-desktop/vnc.env').with_content("GEOMETRY=1920x1080\n") }
    it { is_expected.to contain_file('/etc/cloudify-desktop/session.env').with_content(%r{^SCIPION_PROJECT="relion-2d"$}) }

    it 'keeps every free text' do
      content = catalogue.resource('file', '/etc/cloudify-desktop/gateway.json')[:content]
      expect(JSON.parse(content)).to include('title' => params[:page_title], 'certificate' => nil, 'port' => 6080)
    end

    it 'tells the gateway which project it is and when its time is over' do
      content = catalogue.resource('file', '/etc/cloudify-desktop/gateway.json')[:content]
      expect(JSON.parse(content)).to include('project' => 'relion-2d', 'ends_at' => params[:ends_at])
    end
  end

  context 'with TLS' do
    let(:params) { { tls: true } }

    it {
      is_expected.to contain_exec('desktop certificate').with_creates('/etc/cloudify-desktop/tls/key.pem')
        .with_command(%r{/bin/make-certificate /etc/\S+/key\.pem /etc/\S+/cert\.pem machine\z})
    }

    it 'gives the key to the gateway alone' do
      is_expected.to contain_file('/etc/cloudify-desktop/tls/key.pem').with_owner('cloudify-desktop').with_mode('0600')
    end

    it { is_expected.to contain_file('/etc/cloudify-desktop/gateway.json').with_content(%r{tls/cert\.pem}) }
  end

  context 'when it goes' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }

    services.each { |name| it { is_expected.to contain_service(name).with_ensure('stopped').with_enable(false) } }
    [*units, '/etc/cloudify-desktop', '/run/cloudify-desktop'].each { |path| it { is_expected.to contain_file(path).with_ensure('absent') } }
    it { is_expected.to contain_user('cloudify-desktop').with_ensure('absent') }
  end

  {
    geometry: ['1600', '1600x900; reboot', "1600x900\n"],
    ends_at: ['', 'soon', '2030-01-31', '2030-01-31T14:05:00', "2030-01-31T14:05:00+00:00\n"],
    scipion_project: ['', '-x', '../other', 'a"b', "a\nb"],
    port: [22, 70_000],
    user: ['root;', ''],
  }.each do |name, values|
    values.each do |value|
      context "with #{name} #{value.inspect}" do
        let(:params) { { name => value } }

        it { is_expected.to compile.and_raise_error(%r{#{name}}) }
      end
    end
  end
end
