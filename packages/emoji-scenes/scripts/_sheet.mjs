import sharp from 'sharp'; import {readFileSync} from 'fs';
const a=JSON.parse(readFileSync('assets/atlas.json'));
const per=+process.argv[2]||24; const from=+process.argv[3]||0, to=+process.argv[4]||a.names.length;
const names=a.names.slice(from,to); const W=per*76; const rows=Math.ceil(names.length/per); const H=rows*(3*68+16);
const cells=[]; let svg='';
for(let s=0;s<3;s++){const img=await sharp('assets/'+a.styles[s].file).png().toBuffer();
 for(let i=0;i<names.length;i++){const j=from+i;const cx=i%per,cy=Math.floor(i/per);
 const buf=await sharp(img).extract({left:(j%a.numColumns)*64,top:Math.floor(j/a.numColumns)*64,width:64,height:64}).toBuffer();
 cells.push({input:buf,left:cx*76+6,top:cy*220+16+s*68});
 if(s==0) svg+=`<text x="${cx*76+38}" y="${cy*220+12}" font-size="12" text-anchor="middle" font-family="sans-serif">${names[i]}</text>`;}}
cells.push({input:Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${W}" height="${H}">${svg}</svg>`),left:0,top:0});
await sharp({create:{width:W,height:H,channels:3,background:'#dddddd'}}).composite(cells).png().toFile(process.argv[5]);
