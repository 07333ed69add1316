--- Files of records that the command leaves: the report, those who failed, the links. CSV or JSON
--- lines, by the name. Written beside its name and put there at the end: whole or not at all. But
--- links, which nobody could get again, are added to the file, and at once.
--- Readable by their owner only, since they tell who was invited, or even let in.

local cjson = require("cjson").new()
local csv = require "aitronos.csv"
local output = require "aitronos.cli.output"
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"

local concat = table.concat
local find, gsub = string.find, string.gsub
local io, os = io, os
local ipairs, setmetatable, tostring, type = ipairs, setmetatable, tostring, type

local report = {}

local COLUMNS = {
  "line", "address", "role", "outcome", "invitation_id", "expires_at", "status", "code", "message",
  "trace_id", "attempts", "reconciled",
}
local FAILED_COLUMNS = { "email", "role_id", "role_name", "send_invitation" }
local LINK_COLUMNS = { "line", "address", "invitation_id", "invitation_link", "invitation_key" }

---@class aitronos.Report
local methods = {}
local Report = { __index = methods }

-- ## A new file that only its owner can read, which Lua can't make

-- `steps` for the shell, to which the path is "$f". What they print is why they failed.
local function prepare(path, steps)
  local file = find(path, "^%-") and "./" .. path or path
  local shell = io.popen("{ f='" .. gsub(file, "'", "'\\''") .. "'; " .. steps .. "; } 2>&1")
  local reason = gsub(shell:read("*a"), "%s+$", "")
  shell:close()
  return reason == "", reason
end

-- Anew, so that nobody can have put a link there, or may read what was there before.
local function make_private(path)
  local fine, reason = prepare(path, 'umask 077 && rm -f "$f" && set -C && : >"$f"')
  if not fine then
    return nil, reason
  end
  return io.open(path, "r+b")
end

local function keep_private(path)
  local fine, reason = prepare(path, 'umask 077; if [ -L "$f" ]; then echo it is a symbolic link; '
    .. 'else : >>"$f" && chmod 600 "$f"; fi')
  if not fine then
    return nil, reason
  end
  return io.open(path, "a+b")
end

-- ## Records

local function csv_field(value, verbatim)
  if type(value) == "string" then
    return verbatim and value or text.escape(value)
  elseif type(value) == "number" then
    return text.number(value)
  end
  return value == nil and "" or tostring(value)
end

local function csv_record(self, record)
  local fields = {}
  for i, name in ipairs(self.columns) do
    fields[i] = csv_field(record[name], self.verbatim)
  end
  return csv.line(fields, { spreadsheet = not self.verbatim })
end

local function json_record(self, record)
  local parts = {}
  for _, name in ipairs(self.columns) do
    local value = record[name]
    if type(value) == "string" and not self.verbatim then
      value = text.escape(value)
    end
    if value ~= nil then
      -- The encoder puts a backslash before each slash, which links would be harder to read with.
      parts[#parts + 1] = '"' .. name .. '":' .. gsub(cjson.encode(value), "\\/", "/")
    elseif not self.verbatim then
      parts[#parts + 1] = '"' .. name .. '":null'
    end
  end
  return "{" .. concat(parts, ",") .. "}\n"
end

local RECORD = { csv = csv_record, json = json_record }

-- ## Writing

local function fault(self, reason)
  -- The system's words begin with the path, and it is not the one that the user knows.
  reason = gsub(tostring(reason), "^.*: ", "")
  return nil, text.escape("cannot write " .. self.path .. ": " .. reason)
end

-- After a fault nothing more is tried: the file would lack what is in between.
local function failed(self, reason)
  self.message = select(2, fault(self, reason))
  self:abandon()
  return nil, self.message
end

--- Adds one record; the keys that are no columns are left out.
---@param record table
---@return true? fine
---@return string? message
function methods:add(record)
  if not self.file then
    return nil, self.message
  end
  local fine, reason = output.write(self.file, self.record(self, record))
  if fine and self.appends then
    fine, reason = output.flush(self.file)
  end
  if not fine then
    return failed(self, reason)
  end
  return true
end

--- Puts the file under its name.
---@return true? fine
---@return string? message
function methods:close()
  if not self.file then
    return nil, self.message
  end
  local fine, reason = output.flush(self.file)
  if fine then
    fine, reason = self.file:close()
    self.file = nil
  end
  if fine and not self.appends then
    fine, reason = os.rename(self.temporary, self.path)
  end
  if not fine then
    return failed(self, reason)
  end
  self.placed, self.message = true, text.escape(self.path .. " is closed")
  return true
end

--- Leaves nothing but links; what was there under the name stays. After `close` it has no effect.
function methods:abandon()
  if self.file then
    self.file:close()
    self.file = nil
  end
  if not self.placed and not self.appends then
    os.remove(self.temporary)
  end
  self.message = self.message or text.escape(self.path .. " was given up")
end

-- Whether what is there already is of the same kind; afterwards more may be added to it.
local function go_on(self, header)
  local file = self.file
  local first = file:read("*l")
  if not first then
    return true, header
  elseif header and first .. "\n" ~= header or not header and not find(first, "^{") then
    return false
  end
  file:seek("end", -1)
  return true, file:read(1) ~= "\n" and "\n" or nil
end

local function start(self, header)
  local fine, first, message = true, header, nil
  if self.appends then
    fine, first = go_on(self, header)
    if not fine then
      return failed(self, "it is there already, and holds something else")
    end
    self.file:seek("end")
  end
  self.file:setvbuf("full", 65536)
  if first then
    fine, message = output.write(self.file, first)
  end
  return fine and self or failed(self, message)
end

---@param given { columns: string[], verbatim?: boolean, appends?: boolean }
local function open(path, given, open_file)
  local kind = usage.record_format(path)
  if not kind then
    return nil, text.escape(path .. ": the name must end in .csv or .jsonl")
  end
  local self = setmetatable({
    path = path,
    temporary = given.appends and path or path .. usage.UNFINISHED,
    columns = given.columns,
    verbatim = given.verbatim,
    appends = given.appends,
    record = RECORD[kind],
  }, Report)
  -- Else it would come out after all the work is done.
  local folder = io.open(path .. "/.")
  if folder then
    folder:close()
    return fault(self, "it is a folder")
  end
  open_file = open_file or given.appends and keep_private or make_private
  local file, reason = open_file(self.temporary)
  if not file then
    return fault(self, reason)
  end
  self.file = file
  return start(self, kind == "csv" and csv.line(given.columns) or nil)
end

--- A record as a line of JSON, with its end.
---@param record table
---@return string
function report.json_line(record)
  return json_record({ columns = COLUMNS }, record)
end

--- What became of each row. All text is made fit to look at, on a terminal and in a spreadsheet:
--- a cell that would be a formula gets a ' before it.
---
--- ```lua
--- local file = assert(report.open("report.csv"))
--- assert(file:add { line = 2, address = "ann@example.com", outcome = "invited" })
--- assert(file:close())
--- ```
---@param path string
---@param open_file? fun(path: string): file*?, string? makes the file to write to
---@return aitronos.Report? report
---@return string? message
function report.open(path, open_file)
  return open(path, { columns = COLUMNS }, open_file)
end

--- Those who failed, as an input of the command: `email`, `role_id` or `role_name`, and
--- `send_invitation`. Text is written as it is.
---@param path string
---@param open_file? fun(path: string): file*?, string?
---@return aitronos.Report? report
---@return string? message
function report.open_failed(path, open_file)
  return open(path, { columns = FAILED_COLUMNS, verbatim = true }, open_file)
end

--- Links and keys of invitations: `line`, `address`, `invitation_id`, `invitation_link`,
--- `invitation_key`. Those of earlier runs stay.
---@param path string
---@param open_file? fun(path: string): file*?, string?
---@return aitronos.Report? report
---@return string? message
function report.open_links(path, open_file)
  return open(path, { columns = LINK_COLUMNS, appends = true }, open_file)
end

return report
