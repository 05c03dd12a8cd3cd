# frozen_string_literal: true

require_relative '../../../../spec/spec_helper'

describe 'em_package' do
  let(:relion) do
    {
      version: '3.1.3', method: 'apt', home: '/opt/em/relion-3.1',
      apt: { relion: '3.1.3-3+b1', 'openmpi-bin': 'installed' }, links: { bin: '/usr/bin' }
    }
  end
  let(:demo) { { version: '1', method: 'generate', home: '/opt/em/demo-1', script: "print('\u00e9')\n" } }
  let(:digest) { 'a' * 64 }
  let(:requirements) { "mrcfile==1.5.4 --hash=sha256:#{digest}\n" }
  let(:mirrors) { ['https://a.example.org/em', 'file:///srv/em'] }
  let(:mrc) { { version: '1', method: 'pip', home: '/opt/em/mrc-1', requirements: requirements } }
  let(:prody) { { version: '2.4.1', method: 'installb', home: '/opt/em/prody-2.4.1', file: 'prody.tgz', sha256: digest } }
  let(:tool) do
    {
      version: '2', method: 'archive', home: '/opt/em/tool-2', file: 'tool-2.tar.xz', sha256: digest, strip: 1,
      apt: { libtiff6: '4.5.0-6' }, links: { lib: '/usr/lib' }
    }
  end

  context 'without packages' do
    it { is_expected.to compile.with_all_deps }
    it { is_expected.to have_exec_resource_count(0) }
  end

  context 'with packages of both methods' do
    let(:params) { { packages: { relion: relion, demo: demo } } }

    it { is_expected.to compile.with_all_deps }

    it {
      is_expected.to contain_system__packages('em_package')
        .with_packages('relion' => '3.1.3-3+b1', 'openmpi-bin' => 'installed')
    }
    it { is_expected.to contain_file('/opt/em/relion-3.1/bin').with_ensure('link').with_target('/usr/bin') }
    it { is_expected.to contain_file('/opt/em/demo-1.py').with_content("print('\u00e9')\n") }

    it 'makes example data once, complete or not at all' do
      stamp = Digest::SHA256.hexdigest("print('\u00e9')\n")
      is_expected.to contain_exec('generate demo')
        .with_command('python3 /opt/em/.libexec/generate_folder.py /opt/scipion/venv/bin/python /opt/em/demo-1.py /opt/em/demo-1')
        .with_unless("grep -qxF #{stamp} /opt/em/demo-1/.generated")
        .that_requires(['File[/opt/em/demo-1.py]', 'File[/opt/em/.libexec/generate_folder.py]'])
    end
  end

  context 'with packages of the methods that download' do
    let(:params) { { packages: { tool: tool, mrc: mrc, prody: prody }, mirrors: mirrors } }

    it { is_expected.to compile.with_all_deps }

    it {
      is_expected.to contain_system__packages('em_package').with_packages(
        'curl' => 'installed', 'bzip2' => 'installed', 'xz-utils' => 'installed', 'python3-venv' => 'installed',
        'libtiff6' => '4.5.0-6',
      )
    }

    it 'makes a virtual environment in its place, when the requirements have changed' do
      is_expected.to contain_file('/opt/em/mrc-1.txt').with_content(requirements)
      is_expected.to contain_exec('pip install mrc')
        .with_command(%r{\Apython3 /opt/em/\.libexec/install_requirements\.py /opt/em/mrc-1\.txt /opt/em/mrc-1 /var/cache/})
        .with_unless("grep -qxF #{Digest::SHA256.hexdigest(requirements)} /opt/em/mrc-1/requirements.sha256")
        .that_requires(['File[/opt/em/mrc-1.txt]', 'File[/opt/em/.libexec/install_requirements.py]'])
    end

    it 'unpacks an archive, when it is another one' do
      is_expected.to contain_exec('unpack tool')
        .with_command("python3 /opt/em/.libexec/em_archive.py archive tool-2.tar.xz #{digest} 1 /opt/em/tool-2 " \
                      '/var/cache/cloudify-scipion/archives')
        .with_unless("grep -qxF '#{digest} 1' /opt/em/tool-2/.installed")
        .with_environment(['EM_PACKAGE_MIRRORS=https://a.example.org/em file:///srv/em'])
        .that_requires(['File[/opt/em/.libexec/em_archive.py]', 'System::Packages[em_package]'])
      is_expected.to contain_file('/opt/em/tool-2/lib').with_ensure('link').that_requires('Exec[unpack tool]')
    end

    it 'has Scipion make a binary, unless its folder is there' do
      is_expected.to contain_exec('installb prody')
        .with_command("python3 /opt/em/.libexec/em_archive.py installb prody.tgz #{digest} prody-2.4.1 /opt/em/prody-2.4.1 " \
                      '/var/cache/cloudify-scipion/archives /opt/scipion')
        .with_unless("python3 /opt/em/.libexec/em_archive.py made #{digest} prody-2.4.1 /opt/em/prody-2.4.1 /opt/scipion")
        .with_environment(['EM_PACKAGE_MIRRORS=https://a.example.org/em file:///srv/em'])
      is_expected.to contain_file('/opt/em/prody-2.4.1')
        .with_ensure('link').with_target('/opt/scipion/software/em/prody-2.4.1').that_requires('Exec[installb prody]')
    end

    it 'runs nothing without a guard' do
      catalogue.resources.select { |resource| resource.type == 'Exec' }.each do |exec|
        expect(exec[:unless] || exec[:onlyif] || exec[:refreshonly]).to be_truthy, exec.ref
      end
    end
  end

  context 'with a binary whose name is not that of its folder' do
    let(:params) { { packages: { prody: prody.merge(binary: 'ProDy-2') } } }

    it { is_expected.to contain_file('/opt/em/prody-2.4.1').with_target('/opt/scipion/software/em/ProDy-2') }
  end

  context 'with downloaded packages to remove' do
    let(:gone) { { ensure: 'absent' } }
    let(:params) { { packages: { tool: tool.merge(gone), mrc: mrc.merge(gone), prody: prody.merge(gone) } } }

    it { is_expected.to compile.with_all_deps }
    ['tool-2', 'mrc-1', 'mrc-1.txt', 'prody-2.4.1', 'prody-2.4.1.installed'].each do |name|
      it { is_expected.to contain_file("/opt/em/#{name}").with_ensure('absent').with_force(true) }
    end
    it { is_expected.to contain_package('libtiff6').with_ensure('purged') }
    it { is_expected.not_to contain_exec('unpack tool') }
    it { is_expected.not_to contain_exec('pip install mrc') }

    it {
      is_expected.to contain_exec('remove prody')
        .with_command('python3 /opt/em/.libexec/em_archive.py remove prody-2.4.1 /opt/scipion')
        .with_onlyif('stat /opt/scipion/software/em/prody-2.4.1')
        .that_comes_before('File[/opt/em/prody-2.4.1]')
    }
  end

  { tool: :file, mrc: :requirements, prody: :sha256 }.each do |name, key|
    context "with #{name} without #{key}" do
      let(:params) { { packages: { name => send(name).reject { |given| given == key } } } }

      it { is_expected.to compile.and_raise_error(%r{#{name} has the method \w+ but no #{key}}) }
    end
  end

  context 'with links in a folder that Scipion makes' do
    let(:params) { { packages: { prody: prody.merge(links: { bin: '/usr/bin' }) } } }

    it { is_expected.to compile.and_raise_error(%r{prody cannot have links}) }
  end

  [{ file: '../x.tgz' }, { file: 'x y.tgz' }, { sha256: 'abc' }, { strip: -1 }, { method: 'listed' }].each do |wrong|
    context "with an archive with #{wrong}" do
      let(:params) { { packages: { tool: tool.merge(wrong) } } }

      it { is_expected.to compile.and_raise_error(%r{packages}) }
    end
  end

  ['ftp://example.org', 'https://a b', 'file://host/x', '/srv/em'].each do |mirror|
    context "with the mirror #{mirror}" do
      let(:params) { { mirrors: [mirror] } }

      it { is_expected.to compile.and_raise_error(%r{mirrors}) }
    end
  end

  context 'with packages to remove' do
    let(:params) { { packages: { relion: relion.merge(ensure: 'absent'), demo: demo.merge(ensure: 'absent') } } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_package('relion').with_ensure('purged') }
    it { is_expected.not_to contain_package('openmpi-bin') }
    it { is_expected.to contain_file('/opt/em/relion-3.1').with_ensure('absent').with_force(true) }
    it { is_expected.to contain_file('/opt/em/demo-1').with_ensure('absent').with_force(true) }
    it { is_expected.to contain_file('/opt/em/demo-1.py').with_ensure('absent') }
    it { is_expected.not_to contain_exec('generate demo') }
  end

  context 'with a Debian package that another one needs' do
    let(:other) { { version: '4', method: 'apt', home: '/opt/em/other-4', apt: { relion: '3.1.3-3+b1' } } }
    let(:params) { { packages: { relion: relion.merge(ensure: 'absent'), other: other } } }

    it { is_expected.not_to contain_package('relion') }
    it { is_expected.to contain_file('/opt/em/relion-3.1').with_ensure('absent') }
  end

  context 'with a generated package without a program' do
    let(:params) { { packages: { demo: demo.reject { |key| key == :script } } } }

    it { is_expected.to compile.and_raise_error(%r{demo has the method generate but no script}) }
  end

  context 'with a folder outside of the root' do
    let(:params) { { packages: { demo: demo.merge(home: '/etc') } } }

    it { is_expected.to compile.and_raise_error(%r{below /opt/em}) }
  end
end
