--- Files read and written whole, and commands of the shell.

local shell = {}

--- One word for the shell, whatever is in it.
function shell.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

---@return string|nil text nil where there is no such file
function shell.read_file(path)
  local file = io.open(path)
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

function shell.write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- All that a command prints, whether or not it succeeds.
---@return string
function shell.output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- Runs a command that must succeed.
function shell.run(command)
  local status = os.execute(command)
  if status ~= 0 and status ~= true then
    error("failed: " .. command, 2)
  end
end

return shell
