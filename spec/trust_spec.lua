--- Whom a client trusts: authorities in a file or in a folder, and no others then.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local process = require "spec.support.process"
local shell = require "spec.support.shell"
local tls = require "spec.support.tls"

describe("trust", function()
  local certificates = tls.each()
  local server, folder

  local function line_of(command)
    return shell.output_of(command):match("^[^\n]*")
  end

  setup(function()
    folder = line_of("mktemp -d")
  end)

  teardown(function()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  before_each(function()
    server = Server.new(function(connection)
      if connection:start_tls(certificates.contexts.good) then
        connection:read_request()
        connection:write(api.CREATED)
      end
    end)
  end)

  after_each(function()
    server:close()
  end)

  local function invite(options)
    options.api_key = "ak_test"
    options.base_url = server:secure_url()
    options.proxy = ""
    options.driver = server:driver()
    options.max_retries = 0
    local client = aitronos.new(options)
    local invitation, err = client:try_invite_user(api.PARAMS)
    client:close()
    return invitation, err
  end

  local function assert_distrusted(options)
    local nothing, err = invite(options)
    assert.is_nil(nothing)
    assert.equal("tls", err.kind)
    assert.equal("CERTIFICATE_NOT_TRUSTED", err.code)
    assert.equal("not_sent", err.outcome)
    assert.is_false(err.retryable)
    assert.truthy(err.message:find("libcurl/", 1, true))
    assert.equal(0, server:count "POST")
  end

  it("is the system's where nothing is said", function()
    assert_distrusted {}
  end)

  it("may be put in a file", function()
    assert.equal(api.INVITATION, (invite { ca_file = certificates.ca_file }).invitation_id)
  end)

  it("may be put in a folder, which replaces the system's", function()
    assert_distrusted { ca_path = folder }
    local hash = line_of(("openssl x509 -hash -noout -in '%s'"):format(certificates.ca_file))
    os.execute(("cp '%s' '%s/%s.0'"):format(certificates.ca_file, folder, hash))
    assert.equal(api.INVITATION, (invite { ca_path = folder }).invitation_id)
  end)

  it("in a file that holds no certificate is an error that names it", function()
    local file = folder .. "/empty.pem"
    shell.write_file(file, "no certificate\n")
    local nothing, err = invite { ca_file = file }
    assert.is_nil(nothing)
    assert.equal("tls", err.kind)
    assert.equal("CA_FILE_UNUSABLE", err.code)
    assert.equal("not_sent", err.outcome)
  end)

  -- OpenSSL's own settings refuse what is older, unless somebody has them allow it.
  describe("in TLS 1.1", function()
    local settings

    setup(function()
      settings = folder .. "/openssl.cnf"
      shell.write_file(settings, [[
        openssl_conf = start
        [start]
        ssl_conf = ssl
        [ssl]
        system_default = lax
        [lax]
        MinProtocol = TLSv1
        CipherString = DEFAULT@SECLEVEL=0
      ]])
    end)

    local function serve_old()
      local context = certificates.new_context {
        protocol = "tlsv1_1",
        ciphers = "DEFAULT@SECLEVEL=0",
      }
      server:close()
      server = Server.new(function(connection)
        if connection:start_tls(context) then
          connection:read_request()
          connection:write(api.CREATED)
        end
      end)
    end

    local function output_of(started)
      server:run({}, function()
        return started:ended()
      end)
      return select(2, started:finish())
    end

    it("is possible where OpenSSL allows it", function()
      serve_old()
      local printed = output_of(process.start(
        ("OPENSSL_CONF='%s' curl --silent --show-error --cacert '%s' --data '' %s"):format(settings,
          certificates.ca_file, server:secure_url())))
      assert.equal(api.made(), printed)
    end)

    it("is not given, whatever OpenSSL allows", function()
      serve_old()
      local printed = output_of(process.start_script([[
        local client = require("aitronos").new {
          api_key = "k", ca_file = os.getenv("CA_FILE"), proxy = "", max_retries = 0,
        }
        local invitation, err = client:try_invite_user {
          organization_id = "org_xyz789", email = "a@b.example", role_id = "r",
        }
        print(invitation and "invited" or ("%s %s %s"):format(err.kind, err.code, err.outcome))
      ]], ("OPENSSL_CONF='%s' CA_FILE='%s' AITRONOS_BASE_URL=%s"):format(settings,
        certificates.ca_file, server:secure_url())))
      assert.equal("tls TLS_HANDSHAKE_FAILED not_sent\n", printed)
      assert.equal(0, server:count "POST")
    end)
  end)
end)
