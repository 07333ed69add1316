--- Certificates for spec.support.server, made with the command `openssl` in a folder of their own,
--- and the TLS contexts that present them.

local busted = require "busted"
local ssl = require "ssl"

local tls = {}

local function run(folder, command)
  local quiet = ("cd '%s' && { %s ; } >openssl.log 2>&1"):format(folder, command)
  local status = os.execute(quiet)
  if status ~= 0 and status ~= true then
    local log = assert(io.open(folder .. "/openssl.log")):read("*a")
    error("openssl failed: " .. log)
  end
end

local KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

local AUTHORITY = "openssl req -x509 " .. KEY .. " -keyout %s.key -out %s.pem -subj /CN=%s"
  .. " -addext basicConstraints=critical,CA:TRUE"
local REQUEST = "openssl req -new " .. KEY .. " -keyout %s.key -out %s.csr -subj /CN=%s"
local SIGN = "printf subjectAltName=%s >names && openssl x509 -req -in %s.csr -out %s.pem"
  .. " -CA %s.pem -CAkey %s.key -extfile names -days %d"

-- What is wrong with each, if anything.
local CERTIFICATES = {
  good = { names = "IP:127.0.0.1", authority = "ca", days = 1 },
  expired = { names = "IP:127.0.0.1", authority = "ca", days = -1 },
  wrong_host = { names = "DNS:other.example", authority = "ca", days = 1 },
  unknown_ca = { names = "IP:127.0.0.1", authority = "stranger", days = 1 },
}

local function context(folder, name, options)
  local all = {
    mode = "server",
    protocol = "any",
    key = ("%s/%s.key"):format(folder, name),
    certificate = ("%s/%s.pem"):format(folder, name),
  }
  for option, value in pairs(options or {}) do
    all[option] = value
  end
  return assert(ssl.newcontext(all))
end

--- Makes everything; `remove` deletes the folder. Contexts: good, h2 (good, and speaks HTTP/2),
--- expired, wrong_host, unknown_ca; new_context makes another that is good but for its options.
---@return table { folder, ca_file, contexts, new_context, remove }
function tls.make()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute(("mkdir -m 700 '%s'"):format(folder)))
  for _, name in ipairs { "ca", "stranger" } do
    run(folder, AUTHORITY:format(name, name, name))
  end
  local contexts = {}
  for name, it in pairs(CERTIFICATES) do
    run(folder, REQUEST:format(name, name, name))
    run(folder, SIGN:format(it.names, name, name, it.authority, it.authority, it.days))
    contexts[name] = context(folder, name)
  end
  contexts.h2 = context(folder, "good", { alpn = { "h2" } })
  return {
    folder = folder,
    ca_file = folder .. "/ca.pem",
    contexts = contexts,
    new_context = function(options)
      return context(folder, "good", options)
    end,
    remove = function()
      os.execute(("rm -rf '%s'"):format(folder))
    end,
  }
end

--- The same for the block of specs in which it is called: made before its first, removed after its
--- last.
function tls.each()
  local made = {}
  busted.setup(function()
    for name, value in pairs(tls.make()) do
      made[name] = value
    end
  end)
  busted.teardown(function()
    made.remove()
  end)
  return made
end

return tls
