# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

digest = 'a' * 64

describe 'scipion' do
  let(:pre_condition) { 'include system' }
  let(:requirements) { "numpy==1.26.1 --hash=sha256:#{digest}\nscipion-app==3.8.3 --hash=sha256:#{digest}\n" }
  let(:params) { { version: '3.8.3', requirements: requirements } }

  it { is_expected.to compile.with_all_deps }
  it { is_expected.to contain_class('scipion::install').that_comes_before('Class[scipion::config]') }
  it { is_expected.to contain_class('scipion::config').that_comes_before('Class[scipion::service]') }

  it 'installs when the requirements have changed, and only then' do
    is_expected.to contain_exec('scipion requirements')
      .with_unless("grep -qxF #{Digest::SHA256.hexdigest(requirements)} /opt/scipion/venv/requirements.sha256")
      .without_environment
      .that_requires('System::Packages[scipion]')
  end

  it 'says nothing to the world' do
    is_expected.to contain_file('/opt/scipion/config/scipion.conf').with_content(%r{^SCIPION_NOTIFY = False$})
  end

  it 'prefers the viewer that needs no Java' do
    is_expected.to contain_file('/opt/scipion/config/scipion.conf')
      .with_content(%r{^VIEWERS = \{.*"SetOfClasses2D":\["pwem\.viewers\.mdviewer\.MDViewer"\]})
  end

  it { is_expected.to contain_file('/opt/scipion/config/hosts.conf').with_content(%r{--host localhost:4 }) }
  it { is_expected.to contain_file('/opt/scipion/bin/scipion').with_mode('0755').with_content(%r{-m scipion "\$@"$}) }
  it { is_expected.to contain_file('/opt/scipion/bin/scipion-env').with_content(%r{exec runuser -u scipion }) }

  it {
    is_expected.to contain_file('/etc/systemd/system/scipion-workflow@.service')
      .with_content(%r{^User=scipion$})
      .with_content(%r{^ExecStart=/opt/scipion/bin/scipion-workflow run %i$})
      .with_content(%r{^WantedBy=multi-user\.target$})
      .that_notifies('Exec[systemd reads the units of scipion]')
  }

  it 'puts right what a restart has ended, before the desktop shows it' do
    is_expected.to contain_file('/etc/systemd/system/scipion-settle.service')
      .with_content(%r{^User=scipion$})
      .with_content(%r{^Before=cloudify-desktop-session\.service$})
      .with_content(%r{^ExecStart=/opt/scipion/bin/scipion-workflow settle$})
    is_expected.to contain_file('/etc/systemd/system/multi-user.target.wants/scipion-settle.service')
      .with_ensure('link')
  end

  it 'brings all that scipion-workflow consists of' do
    Dir.glob(File.join(__dir__, '../../files/*workflow*.py')).each do |file|
      is_expected.to contain_file("/opt/scipion/libexec/#{File.basename(file)}")
        .with_source("puppet:///modules/scipion/#{File.basename(file)}")
    end
  end

  context 'with variables' do
    let(:params) { super().merge(variables: { 'RELION_HOME' => '/opt/em/relion-3.1', 'NICE' => '5%' }, cores: 16) }

    it {
      is_expected.to contain_file('/opt/scipion/config/scipion.conf')
        .with_content(%r{^RELION_HOME = /opt/em/relion-3\.1$})
        .with_content(%r{^NICE = 5%%$})
    }
    it { is_expected.to contain_file('/opt/scipion/config/hosts.conf').with_content(%r{--host localhost:16 }) }
  end

  context 'with requirements of another version' do
    let(:params) { super().merge(version: '3.8.30') }

    it { is_expected.to compile.and_raise_error(%r{do not pin scipion-app==3\.8\.30}) }
  end

  [{ 'A' => "x\ny" }, { 'A' => 'x # y' }, { 'a b' => 'x' }].each do |variables|
    context "with the variables #{variables}" do
      let(:params) { super().merge(variables: variables) }

      it { is_expected.to compile.and_raise_error(%r{variables}) }
    end
  end
end
