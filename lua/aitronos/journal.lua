--- What a run of `aitronos-invite` leaves for the next one, should it be killed, the disk be full
--- or the power fail: a file of JSON lines, in which a person's *intent* is on disk before the
--- request leaves and *done* follows when its end is known.
---
--- The file only grows: luaposix has no ftruncate, and what is never cut is never cut too short.
--- Each run begins with a line that names the organization, on a line of its own. So what a run
--- that broke off wrote last stands before such a line, or at the end, and is passed over there.
--- A line that can't be read and stands elsewhere means that somebody else wrote into the file.
---
--- The lock is lost once this process closes any descriptor of the file: open it nowhere else.

local errno = require "posix.errno"
local fcntl = require "posix.fcntl"
local lines = require "aitronos.journal_lines"
local posix_stat = require "posix.sys.stat"
local unistd = require "posix.unistd"

local find, format, match, sub = string.find, string.format, string.match, string.sub
local concat = table.concat
local error, ipairs, pairs, setmetatable = error, ipairs, pairs, setmetatable
local time, type = os.time, type

local OWNER_ONLY = 384 -- 0600
local CHUNK_BYTES = 65536
local LINE_BYTES = 1048576
local LINE_CHUNK_BYTES = 1024

---@class aitronos.Journal
---@field path string
---@field organization_id string
---@field base_url? string
---@field command string
---@field counts { done: integer, open: integer } of what earlier runs left
---@field private fd? integer
---@field private buffered string[]
---@field private unsynced boolean
---@field private broken? string why nothing can become durable any more
---@field done table<string, integer> where the last line of a key begins; for this file's own use
---@field open table<string, integer>
local Journal = {}
Journal.__index = Journal

local journal = {}

-- Again if a signal came between; nil, the system's words and number if it failed.
local function system(call, ...)
  local result, _, code
  repeat
    result, _, code = call(...)
  until result or code ~= errno.EINTR
  if result then
    return result
  end
  return nil, (errno.errno(code)), code
end

local function cannot(verb, path, words)
  return nil, format("cannot %s %s: %s", verb, path, words)
end

local function add(self, line)
  self.buffered[#self.buffered + 1] = line
end

-- ## Reading what is there

local function read_all(self)
  local take = lines.taker(self)
  local rest, offset = "", 0
  repeat
    local chunk, words = system(unistd.read, self.fd, CHUNK_BYTES)
    if not chunk then
      return cannot("read", self.path, words)
    end
    local text, from = rest .. chunk, 1
    local stop = find(text, "\n", from, true)
    while stop do
      local fault = take(sub(text, from, stop - 1), offset + from - 1)
      if fault then
        return nil, fault
      end
      from = stop + 1
      stop = find(text, "\n", from, true)
    end
    rest = sub(text, from)
    offset = offset + from - 1
    if #rest > LINE_BYTES then
      return nil, self.path .. " is not a journal of aitronos-invite: it has too long a line"
    end
  until chunk == ""

  if rest ~= "" then
    local fault = take(rest, offset)
    if fault then
      return nil, fault
    end
    self.buffered[1] = "\n"
  end
  return true
end

local function read_line(self, offset)
  local line = ""
  local got, words = system(unistd.lseek, self.fd, offset, unistd.SEEK_SET)
  while got and not find(line, "\n", 1, true) do
    got, words = system(unistd.read, self.fd, LINE_CHUNK_BYTES)
    if got == "" then
      words = "it ends too early"
      break -- or its last line lacks its end
    end
    line = line .. (got or "")
  end
  return got and line ~= "" and match(line, "^[^\n]*") or nil, words
end

-- ## Opening

local function open_existing(path, flags)
  local found = posix_stat.stat(path)
  if found and posix_stat.S_ISREG(found.st_mode) == 0 then
    return cannot("use", path .. " as a journal", "it is not a regular file")
  end
  local fd, words = system(fcntl.open, path, flags + fcntl.O_CLOEXEC)
  if not fd then
    return cannot("open", path, words)
  end
  return fd
end

local function open_file(path)
  local flags = fcntl.O_RDWR + fcntl.O_APPEND + fcntl.O_CLOEXEC
  -- Not through a link, which may lead anywhere: O_EXCL follows none.
  local fd, words, code =
    system(fcntl.open, path, flags + fcntl.O_CREAT + fcntl.O_EXCL, OWNER_ONLY)
  if code == errno.EEXIST then
    return open_existing(path, flags)
  elseif not fd then
    return cannot("open", path, words)
  end
  return fd
end

local function lock(self)
  local range = { l_type = fcntl.F_WRLCK, l_whence = unistd.SEEK_SET, l_start = 0, l_len = 0 }
  local locked, words, code = system(fcntl.fcntl, self.fd, fcntl.F_SETLK, range)
  if locked then
    return true
  elseif code ~= errno.EAGAIN and code ~= errno.EACCES then
    return cannot("lock", self.path, words)
  end
  local known = fcntl.fcntl(self.fd, fcntl.F_GETLK, range) and range.l_type ~= fcntl.F_UNLCK
  local who = known and format(", process %d,", range.l_pid) or ""
  return nil, format("another run%s is using the journal %s", who, self.path)
end

-- That the file is there at all is written in its folder.
local function sync_folder(self)
  local folder = match(self.path, "^(.*/)[^/]*$") or "."
  local fd, words = system(fcntl.open, folder, fcntl.O_RDONLY + fcntl.O_CLOEXEC)
  local synced = fd
  if fd then
    synced, words = system(unistd.fsync, fd)
    unistd.close(fd)
  end
  if not synced then
    return cannot("sync", folder, words)
  end
  return true
end

local function count(entries)
  local n = 0
  for _ in pairs(entries) do
    n = n + 1
  end
  return n
end

local function begin(self)
  self.counts = { done = count(self.done), open = count(self.open) }
  add(self, lines.header {
    organization_id = self.organization_id, base_url = self.base_url, command = self.command,
    started = time(),
  })
  return self:sync()
end

-- A line that a run broke off is for the next run to end, and not for who only looks.
local function leave_as_it_is(self)
  self.buffered = {}
  return true
end

-- Takes the steps by which a journal comes to be open.
local function start(self, steps)
  self.buffered, self.unsynced, self.done, self.open = {}, false, {}, {}
  setmetatable(self, Journal)
  for _, step in ipairs(steps) do
    local fine, message = step(self)
    if not fine then
      unistd.close(self.fd)
      return nil, message
    end
  end
  return self
end

--- Opens the journal of a run, or makes one. It belongs to one organization, at one API, and to one
--- command.
---
---     local journal = assert(journals.open("people.csv.journal", "org_xyz789"))
---
---@param path string
---@param organization_id string
---@param base_url? string where given here and when the journal was made, they must be the same
---@param command? string "invite" unless given
---@return aitronos.Journal?
---@return string? message if it can't be used: then nothing was written into it
function journal.open(path, organization_id, base_url, command)
  local fd, words = open_file(path)
  if not fd then
    return nil, words
  end
  return start({
    path = path, organization_id = organization_id, base_url = base_url,
    command = command or lines.COMMAND, fd = fd,
  }, { lock, read_all, begin, sync_folder })
end

--- What earlier runs left, to be looked at with `entry`: nothing is written, and nobody kept out.
---@param path string
---@param organization_id string
---@param base_url string
---@param command string
---@return aitronos.Journal? journal nil where there is none
---@return string? message if it can't be used
function journal.read(path, organization_id, base_url, command)
  local _, _, code = system(posix_stat.lstat, path)
  if code == errno.ENOENT then
    return nil
  end
  local fd, words = open_existing(path, fcntl.O_RDONLY)
  if not fd then
    return nil, words
  end
  return start({
    path = path, organization_id = organization_id, base_url = base_url, command = command, fd = fd,
  }, { read_all, leave_as_it_is })
end

-- ## Methods

local to_integer = math.tointeger or function(number) return number end -- luacheck: std max

--- What earlier runs left of a person: nil, or an entry whose state is "intent" if a request may
--- have left and its end is not known, else "done". Raises if it can't be read, since taking that
--- for nil might invite somebody twice.
---@param key string
---@return table? entry `{ state = "intent", role, at }`, or `{ state = "done", … the record … }`
function Journal:entry(key)
  local offset = self.done[key] or self.open[key]
  if not offset then
    return nil
  end
  local line, words = read_line(self, offset)
  local entry, kind, subject = lines.parse(line or "")
  if not entry or subject ~= key then
    error(format("cannot read %s: %s", self.path, words or "it was changed"), 2)
  end
  entry[kind] = nil
  for name, value in pairs(entry) do
    -- lua-cjson makes a float of any number.
    entry[name] = type(value) == "number" and to_integer(value) or value
  end
  entry.state = kind
  return entry
end

--- Says that a request for a person is about to leave. It may once `sync` has succeeded.
---@param key string the person's address, folded
---@param role? string
function Journal:intend(key, role)
  add(self, lines.write("intent", key, { role = role, at = time() }))
end

--- Says what came of it. Of the record, only the fields of a report are kept.
---@param key string
---@param record table<string, any>
function Journal:finish(key, record)
  add(self, lines.write("done", key, record))
end

--- Takes back the intents that this run had for a person, none of which was sent. What an earlier
--- run left in doubt stays so.
---@param key string
function Journal:retract(key)
  if not self.open[key] then
    self.done[key] = nil
    add(self, lines.write("undone", key, {}))
  end
end

--- Writes what is buffered. It survives this process then, but no loss of power. After a failure
--- the next call goes on with the byte that this one came to.
---@return true?
---@return string? message
function Journal:flush()
  if not self.fd then
    return cannot("write", self.path, "it is closed")
  end
  local left = concat(self.buffered)
  self.unsynced = self.unsynced or left ~= ""
  while left ~= "" do
    local written, words = system(unistd.write, self.fd, left)
    if not written then
      self.buffered = { left }
      return cannot("write", self.path, words)
    end
    left = sub(left, written + 1)
  end
  self.buffered = {}
  return true
end

--- Writes what is buffered, and makes all that was written durable.
---@return true?
---@return string? message then no request may leave
function Journal:sync()
  local fine, message = self:flush()
  if not fine then
    return nil, message
  end
  if self.unsynced and not self.broken then
    local synced, words = system(unistd.fdatasync, self.fd)
    -- For good: the system may have given up what it could not store, and would next say that all
    -- is well.
    self.broken = not synced and words or nil
    self.unsynced = not synced
  end
  if self.broken then
    return cannot("sync", self.path, self.broken)
  end
  return true
end

--- Syncs, and lets another run have it. Closing twice is fine.
---@return true?
---@return string? message it is closed all the same
function Journal:close()
  if not self.fd then
    return true
  end
  local fine, message = self:sync()
  local closed, words = unistd.close(self.fd)
  self.fd = nil
  if fine and not closed then
    return cannot("close", self.path, words)
  end
  return fine, message
end

return journal
