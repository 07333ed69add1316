-- aitronos-invite, with some of what it stands on changed. The environment says what:
--
--   SETTLE      how long its look-ups must find nothing, in seconds
--   SYNCED      a file whose last line says how much of the journal is synced: so much no loss of
--               power can take
--   SIZE_LIMIT  how large a file may get, in bytes; what would go beyond is not written

local aitronos = require "aitronos"
local resource = require "posix.sys.resource"
local signal = require "posix.signal"
local unistd = require "posix.unistd"

local settle = tonumber(os.getenv("SETTLE"))
if settle then
  local new = aitronos.new
  aitronos.new = function(options)
    options.settle = settle
    return new(options)
  end
end

local synced = os.getenv("SYNCED")
if synced then
  local fdatasync, file = unistd.fdatasync, assert(io.open(synced, "a"))
  unistd.fdatasync = function(descriptor)
    local size = unistd.lseek(descriptor, 0, unistd.SEEK_END)
    local fine, words, code = fdatasync(descriptor)
    if fine then
      file:write(("%d\n"):format(size))
      file:flush()
    end
    return fine, words, code
  end
end

local limit = tonumber(os.getenv("SIZE_LIMIT"))
if limit then
  signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  assert(resource.setrlimit(resource.RLIMIT_FSIZE, { rlim_cur = limit, rlim_max = -1 }))
end

os.exit(require("aitronos.cli").main(arg), true)
