/** The order in which one call does what it was asked: what ended first, then what is decided anew. */
export const answering = `
local answer = { n = now }
answer.e = stored[1]
if not answer.e then
  answer.e = request.e
  call('SET', storedKey(1), request.e, 'PX', 7 * 86400000)
end
if request.h then
  local isOlder
  answer.h, isOlder = beat(request.h, answer.e)
  if isOlder then
    answer.e = request.e
    call('SET', storedKey(1), request.e)
  end
  call('PEXPIRE', storedKey(1), 7 * 86400000)
end
if request.s then settleAll(request.s) end
if request.c then changeAll(request.c, 0) end
if request.l then renewAll(request.l) end
local replies = request.r and reserveAll(request.r)
if request.q then answer.q = read(request.q) end
writeAll()
if #touched > 0 then answer.t = touched end
if freed then tell({ 'f' }) end
local text = cjson.encode(answer)
if replies then text = string.sub(text, 1, -2) .. ',"r":' .. replies .. '}' end
return text
`;
