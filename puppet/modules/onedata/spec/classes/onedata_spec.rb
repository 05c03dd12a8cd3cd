# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'
require 'json'

describe 'onedata' do
  let(:key) { File.read(File.expand_path('../fixtures/one-key.asc', __dir__)) }
  let(:repository) do
    {
      url: 'https://onedata.example.org/apt', suite: 'jammy', components: ['main'], key: key,
      fingerprint: '75CFE582A2FCFB0CA63F3F5A1226EF8092730403',
    }
  end
  let(:installed) { { install: true, version: '21.02.8-1~jammy', repository: repository } }
  let(:project) do
    { host: 'provider.example.org', space: 'Cryo "EM" é', path: 'beta-gal/1', mountpoint: '/srv/scipion-space/project', read_only: false }
  end
  let(:verify) { project.merge(mountpoint: '/srv/scipion-space/verify', read_only: true, start: false, options: ['--no-buffer']) }
  let(:mounted) { { mounts: { project: project, verify: verify } } }

  context 'with nothing to install or to mount' do
    it { is_expected.to compile.with_all_deps }
    it { is_expected.to have_file_resource_count(0) }
    it { is_expected.to have_exec_resource_count(0) }
    it { is_expected.to have_service_resource_count(0) }
  end

  context 'when oneclient is installed' do
    let(:params) { installed }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to have_service_resource_count(0) }

    it {
      is_expected.to contain_system__packages('onedata')
        .with_packages('oneclient' => '21.02.8-1~jammy', 'fuse3' => 'installed', 'python3' => 'installed')
    }
    it { is_expected.to contain_file('/etc/apt/keyrings/onedata.asc').with_content(key).with_mode('0644') }

    it 'trusts the repository for its key alone' do
      is_expected.to contain_file('/etc/apt/sources.list.d/onedata.sources')
        .with_content(%r{^URIs: https://onedata\.example\.org/apt$}).with_content(%r{^Suites: jammy$})
        .with_content(%r{^Signed-By: /etc/apt/keyrings/onedata\.asc$}).without_content(%r{[Tt]rusted})
    end

    it {
      is_expected.to contain_exec('apt lists for oneclient')
        .with_command(%r{/fetch add-source /etc/apt/sources\.list\.d/onedata\.sources\z})
        .with_unless(%r{/fetch known oneclient=21\.02\.8-1~jammy\z})
        .that_comes_before('System::Packages[onedata]')
    }
    it { is_expected.to contain_file_line('onedata: user_allow_other').that_requires('System::Packages[onedata]') }
    it { is_expected.to contain_file('/etc/systemd/system/onedata@.service').with_content(%r{^User=scipion-data$}) }
  end

  context 'with a package that apt knows already' do
    let(:params) { installed.reject { |name| name == :repository } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_class('onedata::repository') }
  end

  context 'without a version' do
    let(:params) { { install: true } }

    it { is_expected.to compile.and_raise_error(%r{install needs version}) }
  end

  context 'with another key than the one that was told' do
    let(:params) { installed.merge(repository: repository.merge(fingerprint: '0' * 40)) }

    it { is_expected.to compile.and_raise_error(%r{key is 75CFE.*, not 000}) }
  end

  context 'with one more key' do
    let(:key) { File.read(File.expand_path('../fixtures/two-keys.asc', __dir__)) }
    let(:params) { installed }

    it { is_expected.to compile.and_raise_error(%r{key is 75CFE.* and 45FB}) }
  end

  context 'with mounts' do
    let(:params) { mounted }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_system__packages('onedata') }
    it { is_expected.to contain_service('onedata@project').with_ensure('running').with_enable(true) }
    it { is_expected.to contain_service('onedata@verify').with_ensure(nil).with_enable(false) }
    it { is_expected.to contain_file('/etc/onedata/project.json').with_mode('0644').that_notifies('Service[onedata@project]') }

    it 'tells the unit what to mount' do
      content = catalogue.resource('file', '/etc/onedata/verify.json')[:content]
      expect(JSON.parse(content)).to eq(
        'command' => '/usr/bin/oneclient', 'user' => 'scipion-data', 'host' => 'provider.example.org', 'space' => 'Cryo "EM" é',
        'path' => 'beta-gal/1', 'mountpoint' => '/srv/scipion-space/verify', 'read_only' => true, 'options' => ['--no-buffer']
      )
    end

    it 'starts nothing without a token, and manages none' do
      is_expected.to contain_file('/etc/systemd/system/onedata@.service')
        .with_content(%r{^AssertPathExists=/etc/onedata/%i\.token$})
      expect(catalogue.resources.map(&:title).grep(%r{token})).to eq([])
    end

    it 'lets fusermount work, in the file system that everybody sees' do
      is_expected.to contain_file('/etc/systemd/system/onedata@.service')
        .without_content(%r{^(NoNewPrivileges|Protect|Private|ReadWrite|Restrict(?!art)|SystemCall)})
    end

    it 'runs nothing without a guard' do
      catalogue.resources.select { |resource| resource.type == 'Exec' }.each do |exec|
        expect(exec[:unless] || exec[:onlyif] || exec[:refreshonly]).to be_truthy, exec.ref
      end
    end
  end

  context 'with a mount that goes' do
    let(:params) { { mounts: { project: project, verify: { ensure: 'absent' } } } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_service('onedata@verify').with_ensure('stopped').with_enable(false).that_comes_before('Exec[onedata verify is removed]') }
    it { is_expected.to contain_exec('onedata verify is removed').with_onlyif('/usr/bin/test -e /etc/onedata/verify.json') }
    it { is_expected.to contain_file('/etc/onedata/verify.json').with_ensure('absent') }
    it { is_expected.to contain_file('/etc/onedata/verify.token').with_ensure('absent').with_backup(false) }
    it { is_expected.to contain_service('onedata@project').with_ensure('running') }
  end

  context 'when it goes' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_file('/etc/onedata').with_ensure('absent').with_backup(false) }
    it { is_expected.to have_service_resource_count(0) }
    it { is_expected.to contain_file('/etc/systemd/system/onedata@.service').with_ensure('absent') }
    it { is_expected.to contain_package('oneclient').with_ensure('purged') }

    context 'with mounts that nobody names any more' do
      let(:facts) { { onedata_mounts: ['project', 'verify'] } }

      ['project', 'verify'].each do |name|
        it { is_expected.to contain_service("onedata@#{name}").with_ensure('stopped').with_enable(false) }

        it {
          is_expected.to contain_exec("onedata #{name} is removed")
            .that_requires("Service[onedata@#{name}]").that_comes_before(['File[/etc/onedata]', 'File[/usr/local/lib/onedata]'])
        }
      end
    end

    it 'removes no folder where something might be mounted' do
      paths = catalogue.resources.select { |resource| resource.type == 'File' }.map(&:title)
      expect(paths.grep(%r{\A/(srv|var/lib|data|home)})).to eq([])
    end
  end

  [
    { space: '..' }, { space: 'a/b' }, { space: "a\nb" }, { space: '' }, { path: '../x' }, { path: '/x' }, { path: 'x/' }, { path: 'a//b' },
    { path: 'a/./b' }, { mountpoint: 'x' }, { mountpoint: '/' }, { mountpoint: '/a/../b' }, { host: 'a b' }, { read_only: 'yes' },
    { options: ['--token=x'] }, { options: ['--tok=x'] }, { options: ['-i'] }, { options: ['--insecure'] }, { options: ['--no-buffer x'] },
    { options: ["--no-buffer\n--insecure"] }, { token: 'x' },
  ].each do |wrong|
    context "with a mount with #{wrong}" do
      let(:params) { { mounts: { project: project.merge(wrong) } } }

      it { is_expected.to compile.and_raise_error(%r{mounts}) }
    end
  end

  ['', '.x', 'a..b', '...'].each do |path|
    context "with the path #{path.inspect}" do
      let(:params) { { mounts: { project: project.merge(path: path) } } }

      it { is_expected.to compile.with_all_deps }
    end
  end

  ['', 'A', 'a/b', '../a', 'a b'].each do |name|
    context "with a mount named #{name.inspect}" do
      let(:params) { { mounts: { name => project } } }

      it { is_expected.to compile.and_raise_error(%r{mounts}) }
    end
  end

  [
    { url: 'https://user:word@onedata.example.org/apt' }, { url: 'ftp://x' }, { fingerprint: 'ABC' }, { key: 'x' }, { suite: "a\nTrusted: yes" },
    { components: [] },
  ].each do |wrong|
    context "with a repository with #{wrong}" do
      let(:params) { installed.merge(repository: repository.merge(wrong)) }

      it { is_expected.to compile.and_raise_error(%r{repository}) }
    end
  end

  ['latest', 'installed', '1.0; x', ''].each do |version|
    context "with the version #{version.inspect}" do
      let(:params) { installed.merge(version: version) }

      it { is_expected.to compile.and_raise_error(%r{version}) }
    end
  end
end
