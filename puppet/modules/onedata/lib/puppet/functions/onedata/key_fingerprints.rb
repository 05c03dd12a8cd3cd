# frozen_string_literal: true

require 'digest'

# @summary Fingerprints of the primary keys in an armoured OpenPGP key.
#
# apt trusts every key that is in a repository's keyring, so all of them must be known. Only keys of version 4 are
# understood, which are those that Debian 12's apt can use.
Puppet::Functions.create_function(:'onedata::key_fingerprints') do
  # @param text The key, between its lines BEGIN and END.
  # @return [Array[String]] Fingerprints: 40 hexadecimal digits in capitals.
  dispatch :key_fingerprints do
    param 'String', :text
    return_type 'Array[String]'
  end

  def key_fingerprints(text)
    packets(unarmour(text)).select { |tag, _| tag == 6 }.map do |_, body|
      raise Puppet::Error, 'the key is not of version 4' unless body.getbyte(0) == 4

      Digest::SHA1.hexdigest([0x99, body.bytesize].pack('Cn') + body).upcase
    end
  end

  def unarmour(text)
    blocks = text.scan(%r{^-----BEGIN ([A-Z ]+)-----\r?\n(.*?)^-----END \1-----}m)
    raise Puppet::Error, 'the text is not one armoured key' unless blocks.length == 1 && text.scan('-----BEGIN').length == 1

    # Headers end with an empty line; the last line, with =, is a checksum.
    lines = blocks[0][1].delete("\r").split("\n\n", 2).last.split("\n")
    lines.reject { |line| line.start_with?('=') }.join.unpack1('m0')
  rescue ArgumentError
    raise Puppet::Error, 'the key is damaged'
  end

  def packets(data)
    found = []
    position = 0
    while position < data.bytesize
      first = data.getbyte(position)
      raise Puppet::Error, 'the key is damaged' if (first & 0x80).zero?

      tag, start, length = (first & 0x40).zero? ? old_header(data, position) : new_header(data, position)
      raise Puppet::Error, 'the key is damaged' if start + length > data.bytesize

      found << [tag, data.byteslice(start, length)]
      position = start + length
    end
    found
  end

  def old_header(data, position)
    kind = data.getbyte(position) & 0x03
    raise Puppet::Error, 'the key is damaged' if kind == 3

    size = 1 << kind
    [(data.getbyte(position) >> 2) & 0x0f, position + 1 + size, number(data, position + 1, size)]
  end

  def new_header(data, position)
    tag = data.getbyte(position) & 0x3f
    first = number(data, position + 1, 1)
    return [tag, position + 2, first] if first < 192
    return [tag, position + 3, ((first - 192) << 8) + number(data, position + 2, 1) + 192] if first < 224
    raise Puppet::Error, 'the key is damaged' unless first == 255

    [tag, position + 6, number(data, position + 2, 4)]
  end

  def number(data, position, size)
    bytes = data.byteslice(position, size)
    raise Puppet::Error, 'the key is damaged' unless bytes && bytes.bytesize == size

    bytes.unpack('C*').reduce(0) { |value, byte| (value << 8) + byte }
  end
end
